// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.posix.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostMemoryContract;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@EnabledOnOs({OS.LINUX, OS.FREEBSD})
class PosixHostMemoryTest extends HostMemoryContract {
    @Override
    protected HostMemory create() {
        return new PosixHostMemory();
    }

    @Override
    protected boolean tellsTouchedPages() {
        return new PosixHostMemory().linux;
    }

    @ParameterizedTest
    @CsvSource({
        "22,INVALID",
        "12,NO_MEMORY",
        "11,NO_MEMORY",
        "1,DENIED",
        "13,DENIED",
        "38,UNSUPPORTED",
        "5,OTHER"
    })
    void errnoHasOneMeaning(int errno, HostError meaning) {
        assertThat(Errno.meaning(errno)).isEqualTo(meaning);
    }

    @Test
    void otherFailuresCarryTheHostsNumber() {
        assertThat(Errno.failure("reserve", 5))
                .hasMessageContaining("reserve")
                .hasMessageContaining("errno 5");
    }
}
