// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.gogo;

import static dev.faultline.shell.internal.gogo.CommandFailed.orLine;

import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.api.vm.MachineStatistics;
import dev.faultline.shell.internal.cli.Sizes;
import java.util.ArrayList;
import java.util.List;
import org.apache.felix.service.command.Descriptor;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** {@code vm:swap}: exchanges what a machine runs on while its guest runs. */
@Component(
        service = SwapCommands.class,
        property = {
            "osgi.command.scope=vm",
            "osgi.command.function=swap",
            "osgi.command.function=swappable"
        })
public final class SwapCommands {
    private final Guests guests;

    @Activate
    public SwapCommands(@Reference(name = "guests") Guests guests) {
        this.guests = guests;
    }

    @Descriptor("shows what can be swapped, and for what")
    public String swap() {
        return orLine(() -> {
            MachineFactory f = guests.machines();
            return new Table("WHAT", "THERE IS")
                    .row("engine", String.join(", ", f.engines()))
                    .row("style", String.join(", ", f.faultStyles()))
                    .toString();
        });
    }

    @Descriptor("names of the engines and fault styles, for scripts and completion")
    public List<String> swappable() {
        return orLine(() -> {
            List<String> all = new ArrayList<>(guests.machines().engines());
            all.addAll(guests.machines().faultStyles());
            return all;
        });
    }

    @Descriptor("swaps a machine's engine or fault style while its guest runs")
    public String swap(
            @Descriptor("machine") String name,
            @Descriptor("engine or style") String what,
            @Descriptor("which one") String value) {
        return orLine(() -> {
            Machine m = guests.get(name).machine();
            switch (what) {
                case "engine" -> m.swapEngine(value);
                case "style", "fault-style" -> m.swapFaultStyle(value);
                default ->
                        throw new IllegalArgumentException(
                                "'" + what + "' cannot be swapped: expected engine or style");
            }
            MachineStatistics s = m.statistics();
            return "%s: engine %s, fault style %s; %d swaps, longest stand %s"
                    .formatted(
                            name,
                            m.engine(),
                            m.faultStyle(),
                            s.swaps(),
                            Sizes.millis(Sizes.millis(s.maxSwapPauseNanos())));
        });
    }
}
