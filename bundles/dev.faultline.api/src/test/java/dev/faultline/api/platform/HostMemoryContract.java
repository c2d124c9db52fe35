// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.platform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.faultline.api.memory.HostBytes;
import java.util.ArrayList;
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
    private HostMemory memory;

    /** The provider under test. */
    protected abstract HostMemory create();

    @BeforeEach
    void setUp() {
        memory = create();
    }

    @AfterEach
    void release() {
        open.forEach(HostRegion::close);
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
}
