// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.shell.internal.cli.Report;
import dev.faultline.shell.internal.cli.UsageException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options that {@code run} and {@code restore} share. */
public final class RunOptions {
    @Option(
            names = "--engine",
            paramLabel = "NAME",
            description = "execution engine (default: what is configured, interpreter as shipped)",
            defaultValue = "")
    String engine;

    @Option(
            names = "--fault-style",
            paramLabel = "thrown|coded",
            description = "how faults propagate (default: what is configured, coded as shipped)",
            defaultValue = "")
    String faultStyle;

    @Option(
            names = "--serial",
            paramLabel = "stdio|file:F|none",
            description = "where the guest's serial port goes (default: ${DEFAULT-VALUE})",
            defaultValue = "stdio")
    public String serial;

    /** The file of {@code --serial file:} is continued, as the guest goes on. */
    public boolean serialAppends;

    @Option(
            names = "--protect",
            paramLabel = "none|all|random:SEED",
            description =
                    "start every page without rights; random: also close pages while the guest runs",
            defaultValue = "none")
    public String protect;

    @Option(
            names = "--snapshot-when",
            paramLabel = "TEXT",
            description = "snapshot when the guest has sent TEXT")
    public @Nullable String snapshotWhen;

    @Option(names = "--snapshot-to", paramLabel = "DIR", description = "where to save it")
    public @Nullable Path snapshotTo;

    @Option(
            names = "--snapshot-incremental",
            description =
                    "store only what differs from the snapshot that was restored, which must be kept then")
    boolean snapshotIncremental;

    @Option(
            names = "--snapshot-live",
            description =
                    "let the guest run while its RAM is saved; it stands for device state and write protection only")
    boolean snapshotLive;

    @Option(
            names = "--snapshot-count",
            paramLabel = "N",
            description =
                    "save up to N times, whenever the guest sends TEXT, as DIR/0001 and so on; with --snapshot-incremental each refers to the one before",
            defaultValue = "1")
    int snapshotCount = 1;

    @Option(
            names = "--snapshot-compression",
            paramLabel = "CODEC",
            defaultValue = "lz4",
            description = "none, lz4 or zstd (default: ${DEFAULT-VALUE})")
    SaveOptions.Compression snapshotCompression = SaveOptions.Compression.LZ4;

    @Option(
            names = "--input-when",
            paramLabel = "TEXT=TEXT",
            description =
                    "send the second text when the guest has sent the first (repeatable; \\n is understood)")
    List<String> inputWhen = new ArrayList<>();

    @Option(
            names = "--input",
            paramLabel = "TEXT",
            description = "send this text at the start (\\n is understood)")
    @Nullable String input;

    @Option(
            names = "--stop-when",
            paramLabel = "TEXT",
            description =
                    "stop, with exit code 0, when the guest has sent TEXT; the echo of what was sent to it does not count")
    public @Nullable String stopWhen;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            description = "stop, with exit code 124, after this long",
            defaultValue = "0")
    double timeout;

    /** What follows when the guest resets its machine or crashes. */
    enum OnReset {
        REBOOT,
        STOP
    }

    @Option(
            names = "--on-reset",
            paramLabel = "reboot|stop",
            description =
                    "what follows when the guest resets its machine or triple-faults (default: ${DEFAULT-VALUE})",
            defaultValue = "reboot")
    OnReset onReset = OnReset.REBOOT;

    @Option(names = Report.OPTION, paramLabel = "FILE", description = "write the facts for scripts")
    @Nullable Path json;

    /** Trigger and answer of every {@code --input-when}, in order. */
    List<Map.Entry<String, String>> inputs() {
        List<Map.Entry<String, String>> out = new ArrayList<>();
        for (String s : inputWhen) {
            int at = s.indexOf('=');
            if (at < 1) {
                throw new UsageException(
                        "--input-when '" + s + "': expected TEXT=TEXT with a text before the =");
            }
            out.add(Map.entry(unescape(s.substring(0, at)), unescape(s.substring(at + 1))));
        }
        return out;
    }

    public void check() {
        if (snapshotWhen == null != (snapshotTo == null)) {
            throw new UsageException("--snapshot-when and --snapshot-to go together");
        }
        if (snapshotIncremental && snapshotTo == null) {
            throw new UsageException("--snapshot-incremental needs --snapshot-to");
        }
        if (snapshotCount < 1 || snapshotCount > 9999) {
            throw new UsageException("--snapshot-count " + snapshotCount + ": expected 1 .. 9999");
        }
        if (snapshotCount > 1 && snapshotTo == null) {
            throw new UsageException("--snapshot-count needs --snapshot-to");
        }
        if (snapshotLive && snapshotTo == null) {
            throw new UsageException("--snapshot-live needs --snapshot-to");
        }
        if (timeout < 0 || Double.isNaN(timeout)) {
            throw new UsageException("--timeout " + timeout + ": expected seconds above 0");
        }
        if (!serial.equals("stdio") && !serial.equals("none") && !serial.matches("file:.+")) {
            throw new UsageException(
                    "--serial '" + serial + "': expected stdio, file:FILE or none");
        }
        if (!protect.equals("none")
                && !protect.equals("all")
                && !protect.matches("random:-?\\d{1,18}")) {
            throw new UsageException(
                    "--protect '"
                            + protect
                            + "': expected none, all or random:SEED with a whole number");
        }
        inputs();
    }

    /** What is saved refers to what was restored, which must be kept then. */
    public boolean savesIncrementally() {
        return snapshotIncremental;
    }

    static String unescape(String s) {
        Map<String, String> m = new LinkedHashMap<>();
        m.put("\\n", "\n");
        m.put("\\r", "\r");
        m.put("\\t", "\t");
        String out = s;
        for (Map.Entry<String, String> e : m.entrySet()) {
            out = out.replace(e.getKey(), e.getValue());
        }
        return out;
    }

    /** A machine for a snapshot of {@code saved}, called {@code name}, as these options want it. */
    public MachineConfig like(MachineConfig saved, String name) {
        return new MachineConfig(
                name, saved.ramBytes(), saved.vcpus(), engine, faultStyle, saved.devices());
    }

    /** When the time of {@code --timeout} is over, as {@link System#nanoTime}. */
    public long timeLimit(long beginNanos) {
        return timeout == 0 ? Long.MAX_VALUE : beginNanos + (long) (timeout * 1e9);
    }

    /** Opens what {@code --serial file:} names. */
    OutputStream serialFile(String name) throws IOException {
        return serialAppends
                ? Files.newOutputStream(
                        Path.of(name), StandardOpenOption.CREATE, StandardOpenOption.APPEND)
                : Files.newOutputStream(Path.of(name));
    }
}
