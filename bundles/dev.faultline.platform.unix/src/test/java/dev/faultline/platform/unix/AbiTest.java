// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.unix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.platform.HostError;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Runs on every host: the numbers are those of the systems, whoever reads them. */
class AbiTest {
    @ParameterizedTest
    @CsvSource({
        "22,INVALID,INVALID",
        "12,NO_MEMORY,NO_MEMORY",
        "11,NO_MEMORY,OTHER",
        "75,NO_MEMORY,OTHER",
        "35,OTHER,NO_MEMORY",
        "84,OTHER,NO_MEMORY",
        "1,DENIED,DENIED",
        "13,DENIED,DENIED",
        "19,UNSUPPORTED,UNSUPPORTED",
        "38,UNSUPPORTED,OTHER",
        "95,UNSUPPORTED,OTHER",
        "45,OTHER,UNSUPPORTED",
        "78,OTHER,UNSUPPORTED",
        "5,OTHER,OTHER"
    })
    void anErrorNumberHasOneMeaning(int errno, HostError linux, HostError bsd) {
        assertThat(Abi.LINUX.meaning(errno)).isEqualTo(linux);
        assertThat(Abi.FREEBSD.meaning(errno)).isEqualTo(bsd);
        assertThat(Abi.DARWIN.meaning(errno)).isEqualTo(bsd);
    }

    @Test
    @EnabledOnOs({OS.LINUX, OS.FREEBSD, OS.MAC})
    void failuresNameTheOperationAndTheNumber() {
        UnixHostMemory memory =
                new UnixHostMemory(Abi.LINUX.withoutPromises(Abi.MemoryFile.IN_MEMORY));

        assertThat(memory.failure("reserve", 5))
                .hasMessageContaining("reserve")
                .hasMessageContaining("errno 5");
        assertThat(memory.failure("share", Libc.NO_SUCH_CALL).error())
                .isEqualTo(HostError.UNSUPPORTED);
    }
}
