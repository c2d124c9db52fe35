// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.demo;

import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import dev.faultline.shell.internal.cli.OneLine;
import dev.faultline.shell.internal.guest.DemoGuest;
import dev.faultline.shell.internal.run.MachineSession;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** One machine of the demo, whose guest is asked over its serial port. */
final class DemoSession extends MachineSession {
    private static final int SWAPS = 12;
    private static final Duration SETTLE_LIMIT = Duration.ofMinutes(2);

    private final DemoGuest guest;
    private @Nullable GuestDialog dialog;

    DemoSession(Machine machine, DemoGuest guest) {
        super(machine, machine::close);
        this.guest = guest;
    }

    @Override
    protected void attach() {
        dialog = new GuestDialog(machine(), null);
    }

    @Override
    protected void detach() {
        if (dialog != null) {
            dialog.close();
        }
    }

    private GuestDialog dialog() {
        return Objects.requireNonNull(dialog, "it is there since the session was opened");
    }

    /**
     * From power-on until the guest can be asked.
     *
     * @return what it said
     */
    String boot() throws MachineException, InterruptedException {
        begin();
        machine().boot(guest.boot());
        start();
        return dialog().await(guest.readyText(), guest.bootLimit())
                + dialog().await(guest.readyEnd(), guest.bootLimit());
    }

    /**
     * Asks the guest all it is to be asked.
     *
     * @param swaps made while it thinks, or null
     */
    List<String> answers(@Nullable Swaps swaps)
            throws MachineException, InterruptedException, IOException {
        List<String> answers = new ArrayList<>();
        List<DemoGuest.Request> requests = guest.requests();
        int perRequest = swaps == null ? 0 : (SWAPS + requests.size() - 1) / requests.size();
        for (DemoGuest.Request q : requests) {
            dialog().send(q.line());
            for (int i = 0; swaps != null && i < perRequest; i++) {
                swaps.swap(machine());
            }
            String answer = guest.normalise(dialog().await(q.until(), q.limit()));
            if (!answer.contains(q.expected())) {
                throw new MachineException(
                        "the guest's answer to '%s' is wrong: '%s', expected '%s' in it"
                                .formatted(OneLine.of(q.line()), OneLine.of(answer), q.expected()));
            }
            answers.add(answer);
        }
        return answers;
    }

    /**
     * The machine stands once its guest has gone idle: between the last byte of an answer and HLT
     * it still writes to its stack. A guest that does not go idle stands where it is.
     */
    void settle() throws InterruptedException {
        long end = System.nanoTime() + SETTLE_LIMIT.toNanos();
        for (; ; ) {
            stand("the demo compares its memory");
            boolean idle = machine().vcpus().stream().allMatch(v -> v.activity == VcpuState.HALTED);
            if (idle || System.nanoTime() > end) {
                return;
            }
            start();
            machine().await(Duration.ofMillis(1));
        }
    }
}
