// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.testkit.HangGuard;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** A running machine whose guest answers requests, one line each (probe.c of the examples). */
final class ProbeGuest implements AutoCloseable {
    private static final long MIB = 1 << 20;
    private static final Path IMAGE =
            Program.SOURCES.resolve(
                    "examples/org.example.checksum/src/test/resources/guest/probe.elf");

    /** RAM that the guest itself never uses. */
    static final long FREE = 32 * MIB;

    private final Machine machine;
    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private final StringBuilder line = new StringBuilder();

    private ProbeGuest(Machine machine) {
        this.machine = machine;
        machine.serial().addListener(this::received);
    }

    /** Boots it and returns when it is ready. */
    static ProbeGuest boot(MachineFactory factory, String name, String... devices)
            throws MachineException, InterruptedException {
        Machine machine =
                factory.create(new MachineConfig(name, 64 * MIB, 1, "", "", List.of(devices)));
        ProbeGuest guest = new ProbeGuest(machine);
        machine.boot(new MachineConfig.Boot(IMAGE, List.of(), ""));
        machine.start();
        guest.expect("probe ready");
        return guest;
    }

    Machine machine() {
        return machine;
    }

    private void received(byte[] bytes) {
        for (byte b : bytes) {
            if (b == '\n') {
                lines.add(line.toString());
                line.setLength(0);
            } else {
                line.append((char) b);
            }
        }
    }

    void send(String request) {
        machine.serial().send((request + "\n").getBytes(StandardCharsets.US_ASCII));
    }

    /** Its answer to a request. */
    String ask(String request) throws InterruptedException {
        send(request);
        return answer();
    }

    String answer() throws InterruptedException {
        return HangGuard.take(lines, "the guest answers");
    }

    private void expect(String text) throws InterruptedException {
        String found = answer();
        if (!found.equals(text)) {
            throw new AssertionError("the guest said \"" + found + "\", expected " + text);
        }
    }

    @Override
    public void close() {
        machine.close();
    }
}
