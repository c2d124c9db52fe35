// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.unix;

import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostMemoryContract;
import dev.faultline.platform.unix.Abi.MemoryFile;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** What other systems than Linux get, tried on Linux. */
@EnabledOnOs(OS.LINUX)
@ParameterizedClass
@EnumSource(MemoryFile.class)
class WithoutPromisesTest extends HostMemoryContract {
    private final MemoryFile file;

    WithoutPromisesTest(MemoryFile file) {
        this.file = file;
    }

    @Override
    protected HostMemory create() {
        return new UnixHostMemory(Abi.LINUX.withoutPromises(file));
    }

    @Override
    protected boolean hasCode() {
        return file == MemoryFile.IN_MEMORY;
    }
}
