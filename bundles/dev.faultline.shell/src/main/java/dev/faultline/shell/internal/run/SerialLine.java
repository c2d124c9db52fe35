// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import dev.faultline.api.vm.Machine;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;

/**
 * A guest's serial port: where its output goes, what it is sent, and what happens when it has sent
 * a text.
 *
 * <p>Threading: all is set before {@link #attach}; from then on what the guest sends is handled on
 * the sending vCPU's thread. {@link #send} comes from any.
 */
final class SerialLine {
    private final Machine machine;
    private final Consumer<byte[]> listener = this::received;
    private final Echo echo = new Echo();
    private final Deque<Answer> answers = new ArrayDeque<>();
    private final List<Watch> watches = new ArrayList<>();
    private Consumer<byte[]> output = bytes -> {};

    private final List<byte[]> held = new ArrayList<>(); // guarded by this
    private boolean holding; // guarded by this

    private record Answer(TextTrigger when, byte[] bytes) {}

    private record Watch(TextTrigger when, Runnable then) {}

    SerialLine(Machine machine) {
        this.machine = machine;
    }

    /** Sends {@code text} once the guest has sent {@code when}. */
    void answer(String when, String text) {
        answers.add(new Answer(new TextTrigger(when), text.getBytes(StandardCharsets.UTF_8)));
    }

    /** Runs {@code then}, on the vCPU's thread, whenever the guest has sent {@code when}. */
    void watch(String when, Runnable then) {
        watches.add(new Watch(new TextTrigger(when), then));
    }

    void output(Consumer<byte[]> to) {
        output = to;
    }

    /** From now on what is sent to the guest waits for {@link #release}. Before {@link #attach}. */
    synchronized void hold() {
        holding = true;
    }

    /** Whether something waits. */
    synchronized boolean holdsInput() {
        return !held.isEmpty();
    }

    /** The guest gets what has waited, in order. */
    synchronized void release() {
        holding = false;
        held.forEach(this::pass);
        held.clear();
    }

    /** As if the guest sent it now: it did so before it was stored. */
    void replay(byte[] bytes) {
        received(bytes);
    }

    void attach() {
        machine.serial().addListener(listener);
    }

    void detach() {
        machine.serial().removeListener(listener);
    }

    private void received(byte[] bytes) {
        output.accept(bytes);
        for (byte b : bytes) {
            echo.heard(b);
            // In order: an answer waits until those before it have been given.
            if (!answers.isEmpty() && answers.getFirst().when().accept(b, echo)) {
                send(answers.removeFirst().bytes());
            }
            for (Watch w : watches) {
                if (w.when().accept(b, echo)) {
                    w.then().run();
                }
            }
        }
    }

    void send(String text) {
        send(text.getBytes(StandardCharsets.UTF_8));
    }

    synchronized void send(byte[] bytes) {
        if (holding) {
            held.add(bytes);
        } else {
            pass(bytes);
        }
    }

    private void pass(byte[] bytes) {
        echo.sent(bytes);
        machine.serial().send(bytes);
    }
}
