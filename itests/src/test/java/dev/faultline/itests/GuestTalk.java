// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import dev.faultline.api.vm.Machine;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Talks to a guest over its serial port. One thread. */
final class GuestTalk implements AutoCloseable {
    private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(120);

    private final Machine machine;
    private final StringBuilder heard = new StringBuilder();
    private final Consumer<byte[]> listener = this::hear;

    GuestTalk(Machine machine) {
        this.machine = machine;
        machine.serial().addListener(listener);
    }

    private void hear(byte[] bytes) {
        synchronized (heard) {
            heard.append(new String(bytes, StandardCharsets.ISO_8859_1));
            heard.notifyAll();
        }
    }

    /** Sends a line and takes the answer up to {@code end}. */
    String ask(String line, String end) throws InterruptedException {
        machine.serial().send((line + "\n").getBytes(StandardCharsets.ISO_8859_1));
        return await(end);
    }

    /** Takes everything up to the end of {@code text}. */
    String await(String text) throws InterruptedException {
        long end = System.nanoTime() + LIMIT_NANOS;
        synchronized (heard) {
            for (; ; ) {
                int at = heard.indexOf(text);
                if (at >= 0) {
                    String answer = heard.substring(0, at + text.length());
                    heard.delete(0, at + text.length());
                    return answer;
                }
                if (System.nanoTime() > end) {
                    throw new AssertionError(
                            "the guest did not say '%s' but: %s; its machine: %s"
                                    .formatted(text, heard, machine.await(Duration.ZERO)));
                }
                heard.wait(100);
            }
        }
    }

    @Override
    public void close() {
        machine.serial().removeListener(listener);
    }
}
