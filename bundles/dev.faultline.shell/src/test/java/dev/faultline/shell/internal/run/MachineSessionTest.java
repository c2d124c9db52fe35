// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.vm.Machine;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a session does with its machine, in which order. */
class MachineSessionTest {
    private final List<String> done = new ArrayList<>();
    private boolean fails;

    private void does(String what) {
        done.add(what);
        if (fails) {
            throw new IllegalStateException(what);
        }
    }

    private Machine machine() {
        Class<?>[] types = {Machine.class};
        return (Machine)
                Proxy.newProxyInstance(
                        Machine.class.getClassLoader(),
                        types,
                        (p, m, args) -> {
                            does(m.getName());
                            return null;
                        });
    }

    private final class Session extends MachineSession {
        Session(Machine m) {
            super(m, m::close);
        }

        @Override
        protected void attach() {
            does("attach");
        }

        @Override
        protected void detach() {
            does("detach");
        }

        @Override
        protected void closeOutput() throws IOException {
            done.add("closeOutput");
            if (fails) {
                throw new IOException("closeOutput");
            }
        }
    }

    @Test
    void stepsFollowEachOther() throws Exception {
        try (Session s = new Session(machine())) {
            s.open();
            s.begin();
            s.start();
            s.stand("test");
        }
        assertThat(done)
                .containsExactly(
                        "attach",
                        "onFirstInstruction",
                        "start",
                        "pause",
                        "detach",
                        "close",
                        "closeOutput");
    }

    @Test
    void allIsClosedWhateverFails() {
        Session s = new Session(machine());
        fails = true;

        assertThatThrownBy(s::open).hasMessage("attach");
        assertThatThrownBy(s::close)
                .hasMessage("detach")
                .satisfies(e ->
                        assertThat(e.getSuppressed())
                                .extracting(Throwable::getMessage)
                                .containsExactly("close", "closeOutput"));
        assertThat(done).containsExactly("attach", "detach", "close", "closeOutput");
    }
}
