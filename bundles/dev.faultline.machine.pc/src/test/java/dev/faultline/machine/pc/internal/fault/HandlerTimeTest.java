// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.fault;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.fault.Resolution;
import org.junit.jupiter.api.Test;

/** What a handler is charged with, on a clock and a host of the test's own. */
class HandlerTimeTest {
    private static final long INTERVAL = 100;

    private final FaultSlot slot = new FaultSlot();
    private final AskedHandler handler = new AskedHandler((m, f) -> Resolution.PASS, null);
    private long cpu;
    private boolean waits;
    private final HandlerTime time =
            new HandlerTime(
                    slot,
                    new HandlerTime.Probe() {
                        @Override
                        public long cpuNanos(Thread thread) {
                            return cpu;
                        }

                        @Override
                        public boolean waits(Thread thread) {
                            return waits;
                        }
                    });

    private void looks(int times, long used) {
        for (int i = 0; i < times; i++) {
            time.look(INTERVAL);
            cpu = cpu < 0 ? cpu : cpu + used;
        }
    }

    @Test
    void aHandlerThatWorksIsChargedItsProcessorTime() {
        slot.begin(handler, 1000);
        looks(11, 90);
        assertThat(slot.charged(1000)).isEqualTo(900);
    }

    @Test
    void aHandlerThatBlocksIsChargedTheTime() {
        waits = true;
        slot.begin(handler, 1000);
        looks(11, 0);
        assertThat(slot.charged(1000)).isEqualTo(1000);
    }

    @Test
    void aHandlerThatIsNotRunIsNotCharged() {
        slot.begin(handler, 1000);
        looks(1000, 0);
        assertThat(slot.charged(1000)).isZero();
        assertThat(slot.end(1_000_000_000)).as("by the wall").isGreaterThan(999_000_000);
    }

    @Test
    void aHostThatStandsStillIsOneLook() {
        waits = true;
        slot.begin(handler, 1000);
        looks(2, 0); // however much time went by between them
        assertThat(slot.charged(1000)).isEqualTo(INTERVAL);
    }

    @Test
    void whereProcessorTimeIsNotKnownAllIsCharged() {
        cpu = -1;
        slot.begin(handler, 1000);
        looks(11, 0);
        assertThat(slot.charged(1000)).isEqualTo(1000);
    }

    @Test
    void theNextHandlerBeginsAtZero() {
        waits = true;
        slot.begin(handler, 1000);
        looks(5, 0);
        slot.end(2000);
        slot.begin(handler, 3000);
        assertThat(slot.charged()).isZero();
        looks(3, 0);
        assertThat(slot.charged()).isEqualTo(2 * INTERVAL);
        assertThat(slot.charged(1000)).isZero();
    }

    @Test
    void standingForTheHandlersQuiesceIsNotCharged() {
        waits = true;
        slot.begin(handler, 1000);
        slot.stands(true, 0);
        looks(10, 0);
        slot.stands(false, 500);
        assertThat(slot.charged()).isZero();
    }

    /** The real probe: a thread that waits, one that works. */
    @Test
    void theHostTellsWaitingFromWorking() throws Exception {
        Thread waiting =
                Thread.ofPlatform()
                        .daemon()
                        .start(() -> {
                            synchronized (slot) {
                                try {
                                    slot.wait();
                                } catch (InterruptedException e) {
                                    Thread.currentThread().interrupt();
                                }
                            }
                        });
        while (waiting.getState() != Thread.State.WAITING) {
            Thread.onSpinWait();
        }
        assertThat(HandlerTime.Probe.HOST.waits(waiting)).isTrue();
        assertThat(HandlerTime.Probe.HOST.cpuNanos(Thread.currentThread())).isPositive();
        waiting.interrupt();
        waiting.join();
    }
}
