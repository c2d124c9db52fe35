// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import dev.faultline.api.vm.Machine;
import dev.faultline.testkit.HangGuard;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.function.Consumer;

/** Talks to a guest over its serial port. One thread. */
final class GuestTalk implements AutoCloseable {
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
        synchronized (heard) {
            try {
                HangGuard.until(heard, "the guest says it", () -> heard.indexOf(text) >= 0);
            } catch (AssertionError e) {
                throw new AssertionError(
                        "the guest did not say '%s' but: %s; its machine: %s"
                                .formatted(text, heard, machine.await(Duration.ZERO)),
                        e);
            }
            int end = heard.indexOf(text) + text.length();
            String answer = heard.substring(0, end);
            heard.delete(0, end);
            return answer;
        }
    }

    @Override
    public void close() {
        machine.serial().removeListener(listener);
    }
}
