// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.posix.internal;

import dev.faultline.api.platform.HostMemory;
import dev.faultline.api.platform.HostMemoryContract;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** What other systems than Linux get, tried on Linux. */
@EnabledOnOs(OS.LINUX)
class PosixWithoutPromisesTest extends HostMemoryContract {
    @Override
    protected HostMemory create() {
        return new PosixHostMemory(true, false);
    }
}
