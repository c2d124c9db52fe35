// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.unix;

import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostMemoryContract;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

@EnabledOnOs({OS.LINUX, OS.FREEBSD})
class UnixHostMemoryTest extends HostMemoryContract {
    @Override
    protected HostMemory create() {
        return new UnixHostMemory(Abi.ofHost());
    }

    @Override
    protected boolean tellsTouchedPages() {
        return Abi.ofHost().touched();
    }

    @Override
    protected boolean hasCode() {
        return Abi.ofHost().memoryFile() == Abi.MemoryFile.IN_MEMORY;
    }
}
