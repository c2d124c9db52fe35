// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.platform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.faultline.api.memory.HostBytes;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What every {@link HostMemory} must do. Extend it in the provider's own tests and return the
 * provider from {@link #create}.
 */
public abstract class HostMemoryContract {
    private static final long GIB = 1L << 30;

    private final List<HostRegion> open = new ArrayList<>();
    private final List<SharedMemory> shared = new ArrayList<>();
    private final List<CodeMemory> codes = new ArrayList<>();
    private HostMemory memory;

    /** The provider under test. */
    protected abstract HostMemory create();

    /** Whether discarding part of a view gives its private memory back at once. */
    protected boolean discardsPartOfAView() {
        return true;
    }

    @BeforeEach
    void setUp() {
        memory = create();
    }

    @AfterEach
    void release() {
        open.forEach(HostRegion::close);
        shared.forEach(SharedMemory::close);
        codes.forEach(CodeMemory::close);
    }

    private HostRegion reserve(long bytes) {
        HostRegion r = memory.reserve(bytes);
        open.add(r);
        return r;
    }

    private static void assertInvalid(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        HostMemoryException e = catchThrowableOfType(HostMemoryException.class, call);
        assertThat(e).isNotNull();
        assertThat(e.error()).isEqualTo(HostError.INVALID);
    }

    @Test
    void pageSizeIsAPowerOfTwoOfAtLeast4096() {
        assertThat(memory.pageSize()).isGreaterThanOrEqualTo(4096);
        assertThat(Integer.bitCount(memory.pageSize())).isEqualTo(1);
    }

    @Test
    void regionIsAlignedZeroFilledAndWritable() {
        HostRegion r = reserve(1 << 20);
        assertThat(r.address()).isPositive();
        assertThat(r.address() % memory.pageSize()).isZero();
        assertThat(r.size()).isEqualTo(1 << 20);
        assertThat(HostBytes.get64(r.address())).isZero();
        assertThat(HostBytes.get64(r.address() + r.size() - 8)).isZero();
        HostBytes.put64(r.address() + r.size() - 8, 0x1122334455667788L);
        assertThat(HostBytes.get64(r.address() + r.size() - 8)).isEqualTo(0x1122334455667788L);
    }

    @Test
    void sizeRoundsUpToThePage() {
        assertThat(reserve(1).size()).isEqualTo(memory.pageSize());
        assertThat(reserve(memory.pageSize() + 1L).size()).isEqualTo(2L * memory.pageSize());
    }

    @Test
    void regionsDoNotOverlap() {
        HostRegion a = reserve(1 << 20);
        HostRegion b = reserve(1 << 20);
        assertThat(Math.abs(a.address() - b.address())).isGreaterThanOrEqualTo(1 << 20);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, Long.MIN_VALUE, (1L << 46) + 1, Long.MAX_VALUE})
    void sizeOutOfRangeIsInvalid(long bytes) {
        assertInvalid(() -> memory.reserve(bytes));
    }

    @Test
    void eightGibibytesCostNothingUntilTouched() {
        HostRegion r = reserve(8 * GIB);
        assertThat(r.residentBytes()).isZero();
        for (int i = 0; i < 8; i++) {
            HostBytes.put8(r.address() + i * GIB, (byte) 1);
        }
        // A host may back each touched page by a large page of up to 2 MiB.
        assertThat(r.residentBytes()).isBetween(8L * memory.pageSize(), 8L << 21);
    }

    /** Whether this platform can tell which pages were touched. */
    protected boolean tellsTouchedPages() {
        return false;
    }

    @Test
    void whatIsCalledUntouchedReadsAsZero() {
        int each = memory.pageSize() / 4096;
        int n = 4096 * each;
        HostRegion r = reserve(4096L * n);
        int[] written = {0, each, 1000 * each, n - each};
        for (int p : written) {
            HostBytes.put8(r.address() + 4096L * p + 17, (byte) 1);
        }
        BitSet touched = new BitSet();
        touched.set(n + 7); // others' bits stay
        assertThat(r.touched(0, n, touched)).isEqualTo(tellsTouchedPages());
        if (!tellsTouchedPages()) {
            assertThat(touched.cardinality()).isOne();
            return;
        }
        for (int p : written) {
            assertThat(touched.get(p)).as("page %d", p).isTrue();
        }
        assertThat(touched.get(n + 7)).isTrue();
        // A host may back each touched page by a large page of up to 2 MiB.
        assertThat(touched.cardinality()).isLessThanOrEqualTo(1 + 4 * 512 * each);
        for (int p = touched.nextClearBit(0); p < n; p = touched.nextClearBit(p + 1)) {
            assertThat(HostBytes.get64(r.address() + 4096L * p)).isZero();
        }
        r.discard(0, 4096L * n);
        BitSet none = new BitSet();
        assertThat(r.touched(0, 512 * each, none)).isTrue();
        assertThat(none.isEmpty()).isTrue();
        HostBytes.put8(r.address() + 4096L * each, (byte) 1);
        BitSet second = new BitSet();
        r.touched(4096L * each, each, second);
        assertThat(second.get(0, each).cardinality()).isEqualTo(each);
        assertInvalid(() -> r.touched(4096L * n, each, new BitSet()));
        assertInvalid(() -> r.touched(-4096L * each, each, new BitSet()));
    }

    /** What a view has not written shows what the owner wrote. */
    @Test
    void aViewDoesNotCallSharedPagesUntouched() {
        SharedMemory m = share(16L * memory.pageSize());
        HostBytes.put8(m.address(), (byte) 1);
        try (SharedMemory.View v = m.view()) {
            BitSet touched = new BitSet();
            assertThat(!v.touched(0, 16 * (memory.pageSize() / 4096), touched) || touched.get(0))
                    .isTrue();
        }
    }

    @Test
    void discardedPagesReadZeroAndNoLongerOccupyMemory() {
        int page = memory.pageSize();
        HostRegion r = reserve(4L * page);
        for (int i = 0; i < 4; i++) {
            HostBytes.put64(r.address() + (long) i * page, 0x5A5AL + i);
        }
        long before = r.residentBytes();
        r.discard(page, 2L * page);
        assertThat(r.residentBytes()).isLessThanOrEqualTo(before - 2L * page);
        assertThat(HostBytes.get64(r.address())).isEqualTo(0x5A5A);
        assertThat(HostBytes.get64(r.address() + page)).isZero();
        assertThat(HostBytes.get64(r.address() + 2L * page)).isZero();
        assertThat(HostBytes.get64(r.address() + 3L * page)).isEqualTo(0x5A5D);
        HostBytes.put64(r.address() + page, 7);
        assertThat(HostBytes.get64(r.address() + page)).isEqualTo(7);
    }

    @Test
    void discardOfNothingIsAllowed() {
        HostRegion r = reserve(memory.pageSize());
        HostBytes.put8(r.address(), (byte) 9);
        r.discard(0, 0);
        assertThat(HostBytes.get8(r.address())).isEqualTo((byte) 9);
    }

    @Test
    void discardOutOfRangeOrMisalignedIsInvalidAndChangesNothing() {
        int page = memory.pageSize();
        HostRegion r = reserve(2L * page);
        HostBytes.put8(r.address() + page, (byte) 9);
        assertInvalid(() -> r.discard(1, page));
        assertInvalid(() -> r.discard(0, page - 1));
        assertInvalid(() -> r.discard(-page, page));
        assertInvalid(() -> r.discard(page, 2L * page));
        assertInvalid(() -> r.discard(page, Long.MAX_VALUE - page + 1));
        assertInvalid(() -> r.discard(3L * page, 0));
        assertThat(HostBytes.get8(r.address() + page)).isEqualTo((byte) 9);
    }

    @Test
    void closeIsIdempotentAndEndsTheRegion() {
        HostRegion r = memory.reserve(memory.pageSize());
        r.close();
        r.close();
        assertInvalid(r::residentBytes);
        assertInvalid(() -> r.discard(0, memory.pageSize()));
    }

    @Test
    void tooManyReservationsEndInNoMemory() {
        // 2^46 bytes each: a 47-bit address space has room for one, a wider one for a few.
        HostMemoryException e =
                catchThrowableOfType(
                        HostMemoryException.class,
                        () -> {
                            for (int i = 0; i < 5000; i++) {
                                reserve(1L << 46);
                            }
                        });
        assertThat(e).isNotNull();
        assertThat(e.error()).isEqualTo(HostError.NO_MEMORY);
        assertThat(e).hasMessageContaining("0x400000000000");
    }

    // ---- shared memory

    private SharedMemory share(long bytes) {
        SharedMemory s = memory.share(bytes);
        shared.add(s);
        return s;
    }

    private SharedMemory.View viewOf(SharedMemory s) {
        SharedMemory.View v = s.view();
        open.add(v);
        return v;
    }

    /** -1 where the host does not tell. */
    private static long privateBytes(SharedMemory.View v) {
        try {
            return v.residentBytes();
        } catch (HostMemoryException e) {
            assertThat(e.error()).isEqualTo(HostError.UNSUPPORTED);
            return -1;
        }
    }

    @Test
    void sharedMemoryIsAlignedZeroFilledAndSeenByEveryView() {
        int page = memory.pageSize();
        SharedMemory s = share(3L * page - 1);
        assertThat(s.size()).isEqualTo(3L * page);
        assertThat(s.address()).isPositive();
        assertThat(s.address() % page).isZero();
        assertThat(HostBytes.get64(s.address() + s.size() - 8)).isZero();
        SharedMemory.View early = viewOf(s);
        HostBytes.put64(s.address() + page, 0x1122);
        SharedMemory.View late = viewOf(s);
        early.follow(page, page);
        for (SharedMemory.View v : new SharedMemory.View[] {early, late}) {
            assertThat(v.size()).isEqualTo(s.size());
            assertThat(v.address() % page).isZero();
            assertThat(HostBytes.get64(v.address() + page)).isEqualTo(0x1122);
            assertThat(HostBytes.get64(v.address() + 2L * page)).isZero();
        }
    }

    /** The order in which clones are served: absent, asked for, filled, followed, then used. */
    @Test
    void aViewFollowsPageByPageAfterItWasMade() {
        int page = memory.pageSize();
        SharedMemory s = share(64L * page);
        SharedMemory.View v = viewOf(s);
        for (int i = 63; i >= 0; i -= 3) {
            HostBytes.put64(s.address() + (long) i * page, i + 1);
            v.follow((long) i * page, page);
            assertThat(HostBytes.get64(v.address() + (long) i * page)).isEqualTo(i + 1);
            HostBytes.put64(v.address() + (long) i * page + 8, i);
        }
        for (int i = 63; i >= 0; i -= 3) {
            assertThat(HostBytes.get64(v.address() + (long) i * page)).isEqualTo(i + 1);
            assertThat(HostBytes.get64(v.address() + (long) i * page + 8)).isEqualTo(i);
            assertThat(HostBytes.get64(s.address() + (long) i * page + 8)).isZero();
        }
    }

    @Test
    void writesOfAViewAreItsOwn() {
        int page = memory.pageSize();
        SharedMemory s = share(2L * page);
        HostBytes.put64(s.address(), 1);
        SharedMemory.View a = viewOf(s);
        SharedMemory.View b = viewOf(s);
        HostBytes.put64(a.address(), 2);
        HostBytes.put64(b.address() + page, 3);
        assertThat(HostBytes.get64(s.address())).isEqualTo(1);
        assertThat(HostBytes.get64(b.address())).isEqualTo(1);
        assertThat(HostBytes.get64(a.address())).isEqualTo(2);
        assertThat(HostBytes.get64(a.address() + page)).isZero();
        assertThat(HostBytes.get64(s.address() + page)).isZero();
        // What the owner writes later does not reach a page of the view's own.
        HostBytes.put64(s.address(), 4);
        assertThat(HostBytes.get64(a.address())).isEqualTo(2);
    }

    @Test
    void aViewCountsWhatWasWrittenThroughIt() {
        int page = memory.pageSize();
        SharedMemory s = share(64L * page);
        for (int i = 0; i < 32; i++) {
            HostBytes.put64(s.address() + (long) i * page, 7);
        }
        SharedMemory.View v = viewOf(s);
        long sum = 0;
        for (int i = 0; i < 32; i++) {
            sum += HostBytes.get64(v.address() + (long) i * page);
        }
        assertThat(sum).isEqualTo(32 * 7);
        assertThat(s.residentBytes()).isBetween(32L * page, 64L * page);
        if (privateBytes(v) < 0) {
            return;
        }
        assertThat(privateBytes(v)).isZero();
        for (int i = 0; i < 5; i++) {
            HostBytes.put8(v.address() + 3L * i * page, (byte) 1);
        }
        assertThat(privateBytes(v)).isEqualTo(5L * page);
        assertThat(privateBytes(viewOf(s))).isZero();
    }

    @Test
    void discardedPagesOfAViewReadZeroAndStayIt() {
        int page = memory.pageSize();
        SharedMemory s = share(6L * page);
        for (int i = 0; i < 6; i++) {
            HostBytes.put64(s.address() + (long) i * page, 0x5A50L + i);
        }
        SharedMemory.View v = viewOf(s);
        for (int i = 0; i < 4; i++) {
            HostBytes.put64(v.address() + (long) i * page + 8, i);
        }
        long before = privateBytes(v);
        v.discard(page, 2L * page);
        v.discard(5L * page, page);
        if (before >= 0) {
            assertThat(before).isEqualTo(4L * page);
            assertThat(privateBytes(v)).isEqualTo((discardsPartOfAView() ? 2L : 5L) * page);
        }
        v.follow(0, 0);
        v.follow(4L * page, 2L * page);
        v.follow(page, 2L * page);
        long[] now = {0x5A50, 0, 0, 0x5A53, 0x5A54, 0};
        for (int i = 0; i < 6; i++) {
            assertThat(HostBytes.get64(v.address() + (long) i * page)).isEqualTo(now[i]);
            assertThat(HostBytes.get64(s.address() + (long) i * page)).isEqualTo(0x5A50L + i);
        }
        HostBytes.put64(v.address() + page, 9);
        assertThat(HostBytes.get64(v.address() + page)).isEqualTo(9);
        assertThat(HostBytes.get64(viewOf(s).address() + page)).isEqualTo(0x5A51);
    }

    @Test
    void manyViewsOfALargeSharedMemoryCostNothingUntilTouched() {
        SharedMemory s = share(8 * GIB);
        HostBytes.put8(s.address() + 5 * GIB, (byte) 1);
        for (int i = 0; i < 50; i++) {
            SharedMemory.View v = viewOf(s);
            assertThat(HostBytes.get8(v.address() + 5 * GIB)).isEqualTo((byte) 1);
        }
        // A page, or what the system makes of it: a huge one, or what it reads ahead of a file.
        assertThat(s.residentBytes()).isBetween((long) memory.pageSize(), 16L << 20);
    }

    @Test
    void viewsOutliveTheSharedMemory() {
        int page = memory.pageSize();
        SharedMemory s = share(2L * page);
        HostBytes.put64(s.address(), 5);
        SharedMemory.View v = viewOf(s);
        HostBytes.put64(v.address() + page, 6);
        s.close();
        s.close();
        assertThat(HostBytes.get64(v.address())).isEqualTo(5);
        assertThat(HostBytes.get64(v.address() + page)).isEqualTo(6);
        v.discard(0, page);
        assertThat(HostBytes.get64(v.address())).isZero();
        assertInvalid(s::view);
        assertInvalid(s::residentBytes);
    }

    @Test
    void badRangesOfAViewAreInvalid() {
        int page = memory.pageSize();
        SharedMemory.View v = viewOf(share(2L * page));
        assertInvalid(() -> v.follow(1, page));
        assertInvalid(() -> v.follow(0, 3L * page));
        assertInvalid(() -> v.follow(-page, page));
        assertInvalid(() -> v.discard(page, 2L * page));
        v.close();
        v.close();
        assertInvalid(() -> v.follow(0, page));
        assertInvalid(v::residentBytes);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, Long.MIN_VALUE, (1L << 46) + 1, Long.MAX_VALUE})
    void sharedSizeOutOfRangeIsInvalid(long bytes) {
        assertInvalid(() -> memory.share(bytes));
    }

    // ---- memory for code

    /** Whether this platform has memory for generated code. */
    protected boolean hasCode() {
        return false;
    }

    private CodeMemory code(long bytes) {
        CodeMemory c = memory.code(bytes);
        codes.add(c);
        return c;
    }

    @Test
    void memoryForCodeIsThereOrUnsupported() {
        if (hasCode()) {
            assertThat(code(1).size()).isPositive();
            return;
        }
        HostMemoryException e =
                catchThrowableOfType(HostMemoryException.class, () -> memory.code(0x1234));
        assertThat(e).isNotNull();
        assertThat(e.error()).isEqualTo(HostError.UNSUPPORTED);
        assertThat(e).hasMessageContaining("0x1234").hasMessageContaining("code");
    }

    @Test
    void bothViewsOfCodeAreAlignedZeroFilledAndShowTheSameBytes() {
        assumeThat(hasCode()).isTrue();
        int page = memory.pageSize();
        assertThat(code(1).size()).isEqualTo(page);
        CodeMemory c = code(2L * page + 1);
        assertThat(c.size()).isEqualTo(3L * page);
        assertThat(c.writable() % page).isZero();
        assertThat(c.executable() % page).isZero();
        assertThat(Math.abs(c.writable() - c.executable())).isGreaterThanOrEqualTo(c.size());
        for (long at : new long[] {0, page, c.size() - 8}) {
            assertThat(HostBytes.get64(c.executable() + at)).isZero();
            HostBytes.put64(c.writable() + at, 0x1122334455667788L + at);
            assertThat(HostBytes.get64(c.writable() + at)).isEqualTo(0x1122334455667788L + at);
            assertThat(HostBytes.get64(c.executable() + at)).isEqualTo(0x1122334455667788L + at);
        }
    }

    @Test
    void piecesOfCodeAreApart() {
        assumeThat(hasCode()).isTrue();
        CodeMemory a = code(1);
        CodeMemory b = code(1);
        HostBytes.put64(a.writable(), 1);
        assertThat(HostBytes.get64(b.writable())).isZero();
        assertThat(HostBytes.get64(b.executable())).isZero();
    }

    @Test
    void codeThatWasWrittenIsExecuted() throws Throwable {
        assumeThat(hasCode()).isTrue();
        assumeThat(System.getProperty("os.arch")).isIn("amd64", "x86_64");
        CodeMemory c = code(1);
        int serialize = 0;
        int function = 256; // a line of its own
        // push rbx; xor eax, eax; cpuid; pop rbx; ret
        write(c, serialize, 0x53, 0x31, 0xC0, 0x0F, 0xA2, 0x5B, 0xC3);
        write(c, function, 0xB8, 42, 0, 0, 0, 0xC3); // mov eax, 42; ret
        call(c, serialize);
        assertThat(call(c, function)).isEqualTo(42);
        write(c, function, 0xB8, 43, 0, 0, 0, 0xC3);
        call(c, serialize); // as it was written by another linear address
        assertThat(call(c, function)).isEqualTo(43);
    }

    private static void write(CodeMemory c, int offset, int... bytes) {
        for (int i = 0; i < bytes.length; i++) {
            HostBytes.put8(c.writable() + offset + i, (byte) bytes[i]);
        }
    }

    @SuppressWarnings("restricted") // the generated function
    private static int call(CodeMemory c, int offset) throws Throwable {
        return (int)
                Linker.nativeLinker()
                        .downcallHandle(
                                MemorySegment.ofAddress(c.executable() + offset),
                                FunctionDescriptor.of(ValueLayout.JAVA_INT))
                        .invokeExact();
    }

    @Test
    void closeOfCodeIsIdempotent() {
        assumeThat(hasCode()).isTrue();
        CodeMemory c = memory.code(1);
        c.close();
        c.close();
        // Nothing else may have been released by the second.
        CodeMemory next = code(1);
        c.close();
        HostBytes.put64(next.writable(), 5);
        assertThat(HostBytes.get64(next.executable())).isEqualTo(5);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, Long.MIN_VALUE, (1L << 46) + 1, Long.MAX_VALUE})
    void sizeOfCodeOutOfRangeIsInvalid(long bytes) {
        assumeThat(hasCode()).isTrue();
        HostMemoryException e =
                catchThrowableOfType(HostMemoryException.class, () -> memory.code(bytes));
        assertThat(e).isNotNull();
        assertThat(e.error()).isEqualTo(HostError.INVALID);
        assertThat(e)
                .hasMessageContaining("0x%x bytes".formatted(bytes))
                .hasMessageContaining("0x400000000000");
    }
}
