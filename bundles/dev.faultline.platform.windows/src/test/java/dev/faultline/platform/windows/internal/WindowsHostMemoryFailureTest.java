// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.windows.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemoryException;
import dev.faultline.api.platform.HostRegion;
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
        public long workingSetPages(long address, int pages, int pageSize) {
            calls.add("query %x, %d pages".formatted(address, pages));
            return error != 0 ? -error : pages / 2;
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
}
