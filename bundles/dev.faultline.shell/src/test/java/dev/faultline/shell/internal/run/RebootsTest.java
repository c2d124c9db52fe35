// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.shell.internal.cli.ExitCode;
import dev.faultline.testkit.StubMachine;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.junit.jupiter.api.Test;

class RebootsTest {
    /** Cannot be reset, and does not say why. */
    private static final class Silent extends StubMachine {
        @Override
        public void reset() throws MachineException {
            throw new MachineException(null);
        }
    }

    @Test
    void aResetThatFailsWithoutAReasonFailsAllTheSame() throws Exception {
        RunOptions options = new RunOptions();
        options.onReset = RunOptions.OnReset.REBOOT;
        Reboots reboots =
                new Reboots(
                        new Silent(), options, new PrintStream(new ByteArrayOutputStream(), true));
        VcpuExit reset = new VcpuExit.Reset("port 0x64");
        assertThat(reboots.again(reset)).isFalse();
        assertThat(reboots.code(reset)).isEqualTo(ExitCode.ERROR);
        assertThat(reboots.reason("reset")).contains("it cannot boot again: no reason given");
    }
}
