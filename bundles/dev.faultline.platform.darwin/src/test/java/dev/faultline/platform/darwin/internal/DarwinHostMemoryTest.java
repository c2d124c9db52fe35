// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.darwin.internal;

import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostMemoryContract;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

@EnabledOnOs(OS.MAC)
class DarwinHostMemoryTest extends HostMemoryContract {
    @Override
    protected HostMemory create() {
        return new DarwinHostMemoryComponent();
    }
}
