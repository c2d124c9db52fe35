// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.testkit.HangGuard;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;

/** A machine over {@link FakeServices} that a test makes, and that is closed after it. */
abstract class OneMachine {
    /** Longer than anything takes that comes to an end. */
    static final Duration LONG = HangGuard.limit();

    final FakeServices services = new FakeServices();
    PcMachine machine;

    /** Makes it, on engine one and style coded; the test starts it. */
    PcMachine machine(int vcpus) throws MachineException {
        machine =
                PcMachine.create(
                        new MachineConfig("test", 4 << 20, vcpus, "one", "coded", List.of()),
                        services);
        return machine;
    }

    @AfterEach
    void close() {
        if (machine != null) {
            machine.close();
        }
    }
}
