// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.windows.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.HostRegion;
import dev.faultline.api.platform.SharedMemory;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Calls and errors against a scripted kernel32; runs on every host. */
class WindowsHostMemoryFailureTest {
    /** Logs calls; fails the next one with {@link #error}. */
    private static final class Script implements Kernel32 {
        final List<String> calls = new ArrayList<>();
        int error;
        int mapError;

        @Override
        public long virtualAlloc(long address, long bytes, int type, int protection) {
            calls.add("alloc %x+%x type %x".formatted(address, bytes, type));
            return error != 0 ? -error : address != 0 ? address : 0x10000;
        }

        @Override
        public int virtualFree(long address, long bytes, int type) {
            calls.add("free %x+%x type %x".formatted(address, bytes, type));
            return error;
        }

        @Override
        public long workingSetPages(long address, int pages, int pageSize, boolean own) {
            calls.add("query %x, %d %spages".formatted(address, pages, own ? "own " : ""));
            return error != 0 ? -error : pages / 2;
        }

        @Override
        public long createSection(long bytes) {
            calls.add("section %x".formatted(bytes));
            return error != 0 ? -error : 0x44;
        }

        @Override
        public long mapView(long section, long bytes, boolean copyOnWrite) {
            calls.add("map %x+%x%s".formatted(section, bytes, copyOnWrite ? " copy" : ""));
            return mapError != 0 ? -mapError : 0x70000 + (copyOnWrite ? 0x100000 : 0);
        }

        @Override
        public int unmapView(long address) {
            calls.add("unmap %x".formatted(address));
            return error;
        }

        @Override
        public int closeHandle(long handle) {
            calls.add("close %x".formatted(handle));
            return error;
        }

        @Override
        public int pageSize() {
            return 4096;
        }
    }

    private final Script script = new Script();
    private final WindowsHostMemory memory = new WindowsHostMemory(script);

    private static HostError errorOf(ThrowingCallable call) {
        HostMemoryException e = catchThrowableOfType(HostMemoryException.class, call);
        assertThat(e).isNotNull();
        return e.error();
    }

    @ParameterizedTest
    @CsvSource({
        "87,INVALID",
        "487,INVALID",
        "8,NO_MEMORY",
        "14,NO_MEMORY",
        "1450,NO_MEMORY",
        "1455,NO_MEMORY",
        "5,DENIED",
        "1314,DENIED",
        "50,UNSUPPORTED",
        "120,UNSUPPORTED",
        "31,OTHER"
    })
    void everyErrorHasOneMeaning(int error, HostError meaning) {
        script.error = error;
        assertThat(errorOf(() -> memory.reserve(4096))).isEqualTo(meaning);
    }

    @Test
    void otherFailuresCarryTheHostsNumber() {
        script.error = 31;
        HostMemoryException e =
                catchThrowableOfType(HostMemoryException.class, () -> memory.reserve(4096));
        assertThat(e)
                .hasMessageContaining("reserve 0x1000 bytes")
                .hasMessageContaining("Windows error 31");
    }

    @Test
    void reservationIsCommittedWhole() {
        HostRegion r = memory.reserve(4097);
        assertThat(r.size()).isEqualTo(8192);
        assertThat(script.calls).containsExactly("alloc 0+2000 type 3000");
    }

    @Test
    void discardDecommitsAndCommitsAgain() {
        HostRegion r = memory.reserve(0x4000);
        script.calls.clear();
        r.discard(0x1000, 0x2000);
        assertThat(script.calls)
                .containsExactly("free 11000+2000 type 4000", "alloc 11000+2000 type 1000");
    }

    @Test
    void failedDiscardIsReported() {
        HostRegion r = memory.reserve(0x4000);
        script.error = 1455;
        assertThat(errorOf(() -> r.discard(0, 0x1000))).isEqualTo(HostError.NO_MEMORY);
    }

    @Test
    void residentBytesAsksInBatches() {
        HostRegion r = memory.reserve(0x4000L * 4096 + 8192);
        script.calls.clear();
        assertThat(r.residentBytes()).isEqualTo((0x2000L + 1) * 4096);
        assertThat(script.calls)
                .containsExactly("query 10000, 16384 pages", "query 4010000, 2 pages");
        script.error = 87;
        assertThat(errorOf(r::residentBytes)).isEqualTo(HostError.INVALID);
    }

    @Test
    void closeReleasesOnce() {
        HostRegion r = memory.reserve(0x4000);
        script.calls.clear();
        r.close();
        r.close();
        assertThat(script.calls).containsExactly("free 10000+0 type 8000");
        assertThat(errorOf(() -> r.discard(0, 0x1000))).isEqualTo(HostError.INVALID);
    }

    @Test
    void sharedMemoryIsASectionAndItsViewsAreCopyOnWrite() {
        SharedMemory s = memory.share(4097);
        SharedMemory.View v = s.view();
        assertThat(s.size()).isEqualTo(8192);
        assertThat(v.size()).isEqualTo(8192);
        assertThat(v.residentBytes()).isEqualTo(4096);
        v.follow(0, 4096);
        v.close();
        v.close();
        s.close();
        s.close();
        assertThat(script.calls)
                .containsExactly(
                        "section 2000",
                        "map 44+2000",
                        "map 44+2000 copy",
                        "query 170000, 2 own pages",
                        "unmap 170000",
                        "unmap 70000",
                        "close 44");
        assertThat(errorOf(s::view)).isEqualTo(HostError.INVALID);
        assertThat(errorOf(() -> v.follow(0, 4096))).isEqualTo(HostError.INVALID);
    }

    @Test
    void aSectionThatCannotBeMappedIsClosed() {
        script.mapError = 1455;
        assertThat(errorOf(() -> memory.share(4096))).isEqualTo(HostError.NO_MEMORY);
        assertThat(script.calls).containsExactly("section 1000", "map 44+1000", "close 44");
    }

    @Test
    void failuresOfSharedMemoryAreReported() {
        SharedMemory s = memory.share(4096);
        script.mapError = 8;
        assertThat(errorOf(s::view)).isEqualTo(HostError.NO_MEMORY);
        script.error = 5;
        assertThat(errorOf(() -> memory.share(4096))).isEqualTo(HostError.DENIED);
        assertThat(errorOf(s::close)).isEqualTo(HostError.DENIED);
        s.close();
    }
}
