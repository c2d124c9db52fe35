// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.demo;

import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.shell.internal.cli.OneLine;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Talks to a guest over its serial port: send a line, wait for a text. One thread. */
public final class GuestDialog implements AutoCloseable {
    private final Machine machine;
    private final ByteArrayOutputStream heard = new ByteArrayOutputStream();
    private final Consumer<byte[]> listener = this::hear;
    private final @Nullable Consumer<String> echo;

    /**
     * @param echo gets what the guest says, or null
     */
    public GuestDialog(Machine machine, @Nullable Consumer<String> echo) {
        this.machine = machine;
        this.echo = echo;
        machine.serial().addListener(listener);
    }

    private void hear(byte[] b) {
        synchronized (heard) {
            heard.writeBytes(b);
            heard.notifyAll();
        }
        if (echo != null) {
            echo.accept(new String(b, StandardCharsets.UTF_8));
        }
    }

    public void send(String text) {
        machine.serial().send(text.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Waits until the guest has said {@code text} and takes everything up to the end of it.
     *
     * @throws MachineException if the machine stops first, or {@code limit} passes; the message
     *     holds the guest's last words
     */
    public String await(String text, Duration limit) throws MachineException, InterruptedException {
        long end = System.nanoTime() + limit.toNanos();
        for (; ; ) {
            synchronized (heard) {
                String s = heard.toString(StandardCharsets.ISO_8859_1);
                int at = s.indexOf(text);
                if (at >= 0) {
                    int cut = at + text.length();
                    heard.reset();
                    byte[] rest = s.substring(cut).getBytes(StandardCharsets.ISO_8859_1);
                    heard.writeBytes(rest);
                    return s.substring(0, cut);
                }
                heard.wait(20);
            }
            VcpuExit x = machine.running() ? null : machine.await(Duration.ZERO);
            if (x != null && !contains(text)) {
                throw new MachineException(
                        "the guest stopped (%s) before it said '%s'; its last words: %s"
                                .formatted(x, text, lastWords()));
            }
            if (System.nanoTime() > end) {
                throw new MachineException(
                        "the guest did not say '%s' within %d s; its last words: %s"
                                .formatted(text, limit.toSeconds(), lastWords()));
            }
        }
    }

    private boolean contains(String text) {
        synchronized (heard) {
            return heard.toString(StandardCharsets.ISO_8859_1).contains(text);
        }
    }

    private String lastWords() {
        synchronized (heard) {
            String s = heard.toString(StandardCharsets.ISO_8859_1);
            return OneLine.of(s.substring(Math.max(0, s.length() - 200)));
        }
    }

    @Override
    public void close() {
        machine.serial().removeListener(listener);
    }
}
