// SPDX-License-Identifier: Apache-2.0
package dev.faultline.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.testkit.HangGuard;
import java.lang.reflect.Proxy;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.osgi.framework.launch.Framework;

class ShellThreadTest {
    private final CountDownLatch stopped = new CountDownLatch(1);
    private final CountDownLatch left = new CountDownLatch(1);
    private final AtomicBoolean gone = new AtomicBoolean();

    /** Runs until it is told to stop. */
    private final Framework framework =
            (Framework)
                    Proxy.newProxyInstance(
                            Framework.class.getClassLoader(),
                            new Class<?>[] {Framework.class},
                            (self, method, arguments) -> {
                                if (!method.getName().equals("stop")) {
                                    throw new AssertionError(method.getName());
                                }
                                stopped.countDown();
                                return null;
                            });

    private Thread shellThread;

    /** No other test shall find it. */
    @AfterEach
    void leave() throws InterruptedException {
        left.countDown();
        if (shellThread != null) {
            HangGuard.join(shellThread);
        }
    }

    /** As the shell's: it takes a terminal that is gone for a person who thinks. */
    private void startShell() {
        shellThread =
                Thread.ofPlatform()
                        .daemon()
                        .name("Gogo shell")
                        .start(() -> HangGuard.until("it is left", () -> left.getCount() == 0));
    }

    private void ends(ShellThread shell) throws InterruptedException {
        HangGuard.await(stopped, "the framework is stopped");
        assertThat(shell.broken()).isTrue();
    }

    @Test
    void aTerminalThatGoesEndsIt() throws Exception {
        startShell();
        ShellThread shell = ShellThread.watch(framework, gone::get);
        gone.set(true);
        ends(shell);
    }

    @Test
    void aTerminalThatWasGoneBeforeItWasWatchedEndsIt() throws Exception {
        startShell();
        gone.set(true);
        ends(ShellThread.watch(framework, gone::get));
    }

    @Test
    void aShellThatEndedWithItsTerminalBeforeItWasSeenEndsIt() throws Exception {
        gone.set(true);
        ends(ShellThread.watch(framework, gone::get));
    }
}
