// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.windows.internal;

import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostMemoryContract;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

@EnabledOnOs(OS.WINDOWS)
class WindowsHostMemoryTest extends HostMemoryContract {
    @Override
    protected HostMemory create() {
        return new WindowsHostMemory(new NativeKernel32());
    }

    @Override
    protected boolean discardsPartOfAView() {
        return false;
    }
}
