// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ServiceLoader;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.Extension;

class HangGuardTest {
    private long now;
    private double slowness = 1;

    private HangGuard.Wait waiting(long idle) {
        return new HangGuard.Wait(idle, () -> now, () -> slowness);
    }

    @Test
    void itEndsAtTheLimitOfAnIdleHost() {
        HangGuard.Wait w = waiting(100);
        now = 99;
        assertThat(w.over()).isFalse();
        assertThat(w.left()).isEqualTo(1);
        now = 100;
        assertThat(w.over()).isTrue();
    }

    @Test
    void aHostThatIsSlowAtTheLimitGetsMoreTime() {
        HangGuard.Wait w = waiting(100);
        now = 100;
        slowness = 3;
        assertThat(w.over()).isFalse();
        assertThat(w.left()).isEqualTo(200);
        now = 299;
        slowness = 1; // faster again: what was given stays
        assertThat(w.over()).isFalse();
        now = 300;
        slowness = 5;
        assertThat(w.over()).isFalse();
        now = 500;
        assertThat(w.over()).isTrue();
    }

    @Test
    void theMeasuredSlownessIsOneToThirty() {
        assertThat(HangGuard.slowness()).isBetween(1.0, 30.0);
        assertThat(HangGuard.limit()).isGreaterThanOrEqualTo(Duration.ofMinutes(1));
    }

    @Test
    void whatComesIsWaitedFor() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        AtomicInteger count = new AtomicInteger();
        Thread t =
                Thread.ofPlatform()
                        .start(() -> {
                            go.countDown();
                            count.incrementAndGet();
                        });
        HangGuard.await(go, "it has begun");
        HangGuard.until("it has counted", () -> count.get() == 1);
        HangGuard.join(t);
    }

    @Test
    void whatHangsIsToldWithAllStacks() {
        assertThatThrownBy(() ->
                        HangGuard.until(
                                "the moon is blue",
                                () -> {
                                    now += 2_000_000_000;
                                    return false;
                                },
                                waiting(3_000_000_000L)))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("hangs: not within 4 s: the moon is blue")
                .hasMessageContaining("whatHangsIsToldWithAllStacks");
    }

    @Test
    void aProcessThatHangsIsKilled() throws Exception {
        Process p =
                new ProcessBuilder(System.getProperty("java.home") + "/bin/jshell", "-s").start();
        HangGuard.Wait none = new HangGuard.Wait(1, System::nanoTime, () -> 1);
        assertThatThrownBy(() -> HangGuard.join(p, none)).hasMessageContaining("hangs");
        assertThat(HangGuard.join(p)).isNotZero();
    }

    @Test
    void everyTestIsLookedAfter() {
        assertThat(ServiceLoader.load(Extension.class)).hasAtLeastOneElementOfType(HangGuard.class);
        assertThat(new Throwable().getStackTrace())
                .as("this test is called through it")
                .anyMatch(f -> f.getClassName().equals(HangGuard.class.getName()));
    }
}
