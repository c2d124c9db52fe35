// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.cpu.GuestClock;
import dev.faultline.api.vm.SerialConsole;
import dev.faultline.api.vm.SerialConsole.InputWait;
import dev.faultline.testkit.StubMachine;
import java.lang.reflect.Proxy;
import org.junit.jupiter.api.Test;

/** When a guest waits for input; the test is the guest and its clock. */
class InputPauseTest {
    private static final long STEP = InputPause.QUIET_NANOS / 4;

    private InputWait wait = InputWait.NONE;
    private boolean idle = true;
    private long sent;
    private long nanos;
    private final InputPause pause = new InputPause(new Guest());

    /** Only what is looked at. */
    private final class Guest extends StubMachine {
        @Override
        public SerialConsole serial() {
            return (SerialConsole)
                    Proxy.newProxyInstance(
                            SerialConsole.class.getClassLoader(),
                            new Class<?>[] {SerialConsole.class},
                            (p, m, args) ->
                                    switch (m.getName()) {
                                        case "inputWait" -> wait;
                                        case "bytesSent" -> sent;
                                        default -> throw new AssertionError(m);
                                    });
        }

        @Override
        public GuestClock clock() {
            return (GuestClock)
                    Proxy.newProxyInstance(
                            GuestClock.class.getClassLoader(),
                            new Class<?>[] {GuestClock.class},
                            (p, m, args) -> nanos);
        }

        @Override
        public boolean idle() {
            return idle;
        }
    }

    /** How many looks, a quarter of the time apart, until it waits. */
    private int looks() {
        for (int i = 1; i < 20; i++) {
            if (pause.look()) {
                return i;
            }
            nanos += STEP;
        }
        return 0;
    }

    @Test
    void aGuestThatPollsWaitsAtOnce() {
        assertThat(looks()).isZero();
        wait = InputWait.POLLED;
        idle = false;
        assertThat(looks()).isEqualTo(1);
    }

    @Test
    void aGuestThatSleepsWaitsAfterAWhile() {
        wait = InputWait.INTERRUPT;
        assertThat(looks()).isEqualTo(5);
    }

    @Test
    void aGuestThatWorksDoesNot() {
        wait = InputWait.INTERRUPT;
        idle = false;
        assertThat(looks()).isZero();
    }

    @Test
    void whateverItDoesBeginsTheWhileAnew() {
        wait = InputWait.INTERRUPT;
        for (int i = 0; i < 3; i++) {
            assertThat(pause.look()).isFalse();
            nanos += STEP;
        }
        sent++;
        assertThat(looks()).isEqualTo(5);
        idle = false;
        assertThat(pause.look()).isFalse();
        idle = true;
        assertThat(looks()).isEqualTo(5);
        wait = InputWait.NONE;
        assertThat(pause.look()).isFalse();
        wait = InputWait.INTERRUPT;
        assertThat(looks()).isEqualTo(5);
    }
}
