// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.gogo;

import static dev.faultline.shell.internal.gogo.CommandFailed.orLine;

import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SourceStatistics;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineStatistics;
import dev.faultline.shell.internal.cli.Sizes;
import dev.faultline.shell.internal.run.OpenOnFault;
import dev.faultline.shell.internal.run.Registers;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.felix.service.command.Descriptor;
import org.apache.felix.service.command.Parameter;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** {@code vm:list}, {@code vm:run} and what a machine's life consists of. */
@Component(
        service = MachineCommands.class,
        property = {
            "osgi.command.scope=vm",
            "osgi.command.function=list",
            "osgi.command.function=names",
            "osgi.command.function=show",
            "osgi.command.function=serial",
            "osgi.command.function=send",
            "osgi.command.function=run",
            "osgi.command.function=start",
            "osgi.command.function=pause",
            "osgi.command.function=resume",
            "osgi.command.function=reset",
            "osgi.command.function=close"
        })
public final class MachineCommands {
    private static final int TAIL_LINES = 20;
    private final Guests guests;

    @Activate
    public MachineCommands(@Reference(name = "guests") Guests guests) {
        this.guests = guests;
    }

    @Descriptor("lists the machines")
    public String list() {
        return orLine(() -> {
            Table t =
                    new Table(
                            "NAME",
                            "RAM>",
                            "VCPUS>",
                            "ENGINE",
                            "FAULT STYLE",
                            "INSTRUCTIONS>",
                            "FAULTS>",
                            "STATE");
            for (Guest g : guests.all()) {
                Machine m = g.machine();
                MachineStatistics s = m.statistics();
                t.row(
                        g.name(),
                        Sizes.bytes(m.config().ramBytes()),
                        m.vcpus().size(),
                        m.engine(),
                        m.faultStyle(),
                        "%,d".formatted(s.instructions()),
                        "%,d".formatted(s.faults()),
                        g.state());
            }
            return t.isEmpty() ? "no machines; vm:run IMAGE makes one" : t.toString();
        });
    }

    private static String engine(Machine m) {
        String refusal = m.engineRefusal();
        return refusal == null ? m.engine() : m.engine() + ", in a slower way: " + refusal;
    }

    @Descriptor("the machines' names, for scripts and completion")
    public List<String> names() {
        return guests.all().stream().map(Guest::name).toList();
    }

    @Descriptor("shows a machine and the end of its serial output")
    public String show(@Descriptor("machine") String name) {
        return orLine(() -> {
            Guest g = guests.get(name);
            Machine m = g.machine();
            MachineStatistics s = m.statistics();
            Table t =
                    new Table("MACHINE", g.name())
                            .row("state", g.state())
                            .row("RAM", Sizes.bytes(m.config().ramBytes()))
                            .row("vCPUs", m.vcpus().size())
                            .row("engine", engine(m))
                            .row("fault style", m.faultStyle())
                            .row(
                                    "extra devices",
                                    m.config().devices().isEmpty() ? "none" : m.config().devices())
                            .row("instructions", "%,d".formatted(s.instructions()))
                            .row(
                                    "faults",
                                    "%,d, resolved by handlers %,d"
                                            .formatted(s.faults(), s.resolvedByHandlers()))
                            .row(
                                    "swaps",
                                    "%d, longest stand %s"
                                            .formatted(
                                                    s.swaps(),
                                                    Sizes.millis(
                                                            Sizes.millis(s.maxSwapPauseNanos()))))
                            .row("serial", "%,d bytes sent".formatted(m.serial().bytesSent()));
            Restored restored = g.restored();
            if (restored != null) {
                tell(restored, t);
            }
            IOException unwritten = g.fileFailure();
            if (unwritten != null) {
                t.row("serial file failed", unwritten.getMessage());
            }
            String tail = g.serial().tail(TAIL_LINES);
            return t
                    + "\n"
                    + Registers.of(m)
                    + (tail.isEmpty() ? "" : "\n--- serial, last lines ---\n" + tail);
        });
    }

    private static void tell(Restored restored, Table t) {
        t.row(
                "restored",
                "%s, %,d pages loaded"
                        .formatted(
                                restored.mode().name().toLowerCase(java.util.Locale.ROOT),
                                restored.pagesLoaded()));
        SourceStatistics read = restored.source();
        t.row(
                "read from",
                "%s: %,d requests, %s, %,d retries, %,d timeouts"
                        .formatted(
                                read.source(),
                                read.requests(),
                                Sizes.bytes(read.bytes()),
                                read.retries(),
                                read.timeouts()));
        SnapshotException failure = restored.failure();
        if (failure != null) {
            t.row("restore failed", failure.getMessage());
        }
    }

    @Descriptor("prints what a machine has sent on its serial port (the last 64 KiB)")
    public String serial(@Descriptor("machine") String name) {
        return orLine(() -> {
            return guests.get(name).serial().text();
        });
    }

    @Descriptor("types a line on a machine's serial port")
    public void send(
            @Descriptor("machine") String name, @Descriptor("words of the line") String... words) {
        orLine(() -> {
            byte[] line = (String.join(" ", words) + "\n").getBytes(StandardCharsets.UTF_8);
            guests.get(name).machine().serial().send(line);
            return null;
        });
    }

    @Descriptor("boots a guest in the background; vm:show and vm:serial show its serial port")
    public String run(
            @Descriptor("guest RAM (default 512M)")
                    @Parameter(
                            names = {"-m", "--memory"},
                            absentValue = "512M")
                    String memory,
            @Descriptor("virtual CPUs (default 1)") @Parameter(names = "--vcpus", absentValue = "1")
                    int vcpus,
            @Descriptor("initrd, or a multiboot module")
                    @Parameter(names = "--initrd", absentValue = "")
                    String initrd,
            @Descriptor("kernel command line")
                    @Parameter(
                            names = {"-a", "--append"},
                            absentValue = "")
                    String append,
            @Descriptor("execution engine") @Parameter(names = "--engine", absentValue = "")
                    String engine,
            @Descriptor("thrown or coded") @Parameter(names = "--fault-style", absentValue = "")
                    String style,
            @Descriptor("none, all or random:SEED")
                    @Parameter(names = "--protect", absentValue = "none")
                    String protect,
            @Descriptor("a device that a bundle offers")
                    @Parameter(names = "--device", absentValue = "")
                    String device,
            @Descriptor("file for the serial output")
                    @Parameter(names = "--serial", absentValue = "")
                    String serial,
            @Descriptor("name of the machine (default: the image's)")
                    @Parameter(names = "--name", absentValue = "")
                    String name,
            @Descriptor("do not start it yet")
                    @Parameter(names = "--paused", presentValue = "true", absentValue = "false")
                    boolean paused,
            @Descriptor("bzImage, multiboot ELF or flat binary") String image) {
        return orLine(() -> {
            checkProtect(protect);
            Path file = Path.of(image);
            String wanted = name.isBlank() ? guests.free(plainName(file)) : name;
            MachineConfig config =
                    new MachineConfig(
                            wanted,
                            Sizes.parse(memory),
                            vcpus,
                            engine,
                            style,
                            device.isBlank() ? List.of() : List.of(device));
            Guest g = guests.create(config);
            try {
                if (!serial.isBlank()) {
                    g.serialTo(Files.newOutputStream(Path.of(serial)));
                }
                g.machine()
                        .boot(
                                new MachineConfig.Boot(
                                        file,
                                        initrd.isBlank() ? List.of() : List.of(Path.of(initrd)),
                                        append));
                protect(g, protect);
                if (!paused) {
                    g.machine().start();
                }
            } catch (MachineException | IOException | RuntimeException e) {
                guests.remove(g);
                throw e;
            }
            return wanted + (paused ? " is ready; vm:start " + wanted + " starts it" : " runs");
        });
    }

    private static String plainName(Path image) {
        Path n = image.getFileName();
        if (n == null) {
            throw new IllegalArgumentException(image + " is a directory, not a guest image");
        }
        return n.toString().replaceFirst("\\.(elf|bin|img)$", "");
    }

    private static void checkProtect(String protect) {
        if (!protect.matches("none|all|random:-?\\d{1,18}")) {
            throw new IllegalArgumentException(
                    "--protect "
                            + protect
                            + ": expected none, all or random:SEED with a whole number");
        }
    }

    private static void protect(Guest g, String how) {
        if (how.equals("none")) {
            return;
        }
        OpenOnFault opener = new OpenOnFault(g.machine());
        g.opener(opener);
        if (how.startsWith("random:")) {
            opener.closeAtRandom(Long.parseLong(how.substring("random:".length())));
        }
    }

    @Descriptor("starts a machine that is ready or paused")
    public String start(@Descriptor("machine") String name) {
        return orLine(() -> {
            Guest g = guests.get(name);
            g.machine().start();
            return name + " is " + g.state();
        });
    }

    @Descriptor("goes on with a paused machine, or one that stopped at a fault")
    public String resume(@Descriptor("machine") String name) {
        return orLine(() -> {
            return start(name);
        });
    }

    @Descriptor("stops a machine's vCPUs at an instruction boundary; guest time stands too")
    public String pause(@Descriptor("machine") String name) {
        return orLine(() -> {
            Guest g = guests.get(name);
            g.machine().pause("vm:pause");
            return name + " is " + g.state();
        });
    }

    @Descriptor("resets a machine, which boots its image again, and starts it")
    public String reset(@Descriptor("machine") String name) {
        return orLine(() -> {
            Guest g = guests.get(name);
            g.machine().reset();
            g.machine().start();
            return name + " is " + g.state();
        });
    }

    @Descriptor("ends a machine and frees its memory")
    public String close(@Descriptor("machine") String name) {
        return orLine(() -> {
            Guest g = guests.get(name);
            if (!g.ours()) {
                throw new MachineException(
                        name + " was made by another bundle, which has to close it");
            }
            guests.remove(g);
            return name + " is closed";
        });
    }
}
