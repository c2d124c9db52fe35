// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.platform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** What a platform has that brings the least. */
class HostMemoryTest {
    private static final class Least implements HostMemory {
        @Override
        public int pageSize() {
            return 4096;
        }

        @Override
        public HostRegion reserve(long bytes) {
            throw new AssertionError("reserve " + bytes);
        }
    }

    private final HostMemory least = new Least();

    @Test
    void whatAPlatformNeedNotHaveIsUnsupportedAndTheMessageSaysWhoLacksWhat() {
        assertUnsupported(() -> least.share(0x2000), "share 0x2000 bytes: ");
        assertUnsupported(() -> least.code(0x3000), "code 0x3000 bytes: ");
    }

    private static void assertUnsupported(ThrowingCallable call, String what) {
        HostMemoryException e = catchThrowableOfType(HostMemoryException.class, call);
        assertThat(e).isNotNull();
        assertThat(e.error()).isEqualTo(HostError.UNSUPPORTED);
        assertThat(e).hasMessageContaining(what + Least.class.getName() + " has no memory");
    }
}
