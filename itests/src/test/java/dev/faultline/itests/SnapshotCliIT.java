// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Snapshots by the shipped program: ids, what is told, what is left alone. */
class SnapshotCliIT {
    private static final Pattern ID = Pattern.compile("\\bid ([0-9a-f]{64})\\b");
    private static final int TIMEOUT = 124;
    private static final int ERROR = 4;

    @TempDir Path scratch;

    private Processes.Result run(Object... args) throws Exception {
        return Program.run(Program.COMPILED, scratch, args); // it hashes
    }

    private String save(Path dir) throws Exception {
        Processes.Result r =
                run(
                        "snapshot",
                        "save",
                        Program.keyed(),
                        "--memory",
                        "64M",
                        "--append",
                        "keys=10000",
                        dir,
                        "--when",
                        "READY",
                        "--serial",
                        "none");
        assertThat(r.code()).as(r.err()).isZero();
        Matcher m = ID.matcher(r.err());
        assertThat(m.find()).as(r.err()).isTrue();
        return m.group(1);
    }

    @Test
    void anIdIsShownAndCanBeDemandedAndASerialFileIsContinued() throws Exception {
        Path dir = scratch.resolve("s");
        String id = save(dir);
        assertThat(run("snapshot", "show", dir).out()).contains(id);
        assertThat(run("snapshot", "list", scratch).out()).contains(id);
        Path serial = Files.writeString(scratch.resolve("serial"), "before\n");
        for (String mode : List.of("eager", "lazy")) {
            Processes.Result good =
                    run(
                            "restore",
                            dir,
                            "--mode",
                            mode,
                            "--id",
                            id,
                            "--timeout",
                            "1",
                            "--serial",
                            "file:" + serial);
            assertThat(good.code()).as(good.err()).isEqualTo(TIMEOUT);
            assertThat(Files.readString(serial)).startsWith("before\n");
        }
        String other = "0".repeat(64);
        for (Processes.Result bad :
                List.of(
                        run("restore", dir, "--id", other, "--serial", "none"),
                        run("restore", dir, "--id", other, "--clones", 2, "--serial", "none"),
                        run("snapshot", "verify", dir, "--id", other))) {
            assertThat(bad.code()).as(bad.err()).isEqualTo(ERROR);
            assertThat(bad.err()).contains("another snapshot").contains(id).contains(other);
        }
        assertThat(run("restore", dir, "--id", "abc").code()).isEqualTo(2);
        assertThat(run("snapshot", "compact", dir).code()).isZero();
        Processes.Result formerly = run("snapshot", "verify", dir, "--id", id);
        assertThat(formerly.code()).as(formerly.err()).isZero();
    }

    @Test
    void whatSnapshotCountSkippedIsTold() throws Exception {
        Path json = scratch.resolve("json");
        Processes.Result r =
                run(
                        "run",
                        Program.keyed(),
                        "--memory",
                        "64M",
                        "--append",
                        "keys=10000",
                        "--snapshot-when",
                        "e",
                        "--snapshot-count",
                        "3",
                        "--snapshot-to",
                        scratch.resolve("many"),
                        "--stop-when",
                        "READY",
                        "--serial",
                        "none",
                        "--json",
                        json);
        assertThat(r.code()).as(r.err()).isZero();
        long skipped = Program.number(json, "snapshotsSkipped");
        assertThat(r.err().contains("%d times the text".formatted(skipped)))
                .as(r.err())
                .isEqualTo(skipped > 0);
    }

    /** Text that a stranger wrote into a manifest is shown, and not obeyed. */
    @Test
    void noTerminalObeysAManifest() throws Exception {
        Path dir = scratch.resolve("hostile");
        String name = "\u001b]0;owned\u0007\u001b[31mEVIL\u009b2J\r\nfake-snapshot";
        try (Typed typed = new Typed();
                Machine m =
                        typed.service(MachineFactory.class)
                                .create(new MachineConfig(name, 16 << 20, 1, "", "", List.of()))) {
            typed.service(SnapshotService.class).save(m, dir, x -> {});
        }
        for (Processes.Result r :
                List.of(
                        run("snapshot", "list", scratch),
                        run("snapshot", "show", dir),
                        run("restore", dir, "--timeout", "1", "--serial", "none"),
                        run("snapshot", "verify", dir))) {
            assertThat(r.out() + r.err()).doesNotContain("\u001b", "\u0007", "\u009b", "\r");
            assertThat(r.out()).doesNotContain("\nfake-snapshot");
        }
        assertThat(run("snapshot", "list", scratch).out()).contains("EVIL");
    }

    /** Left by a process that was killed. */
    @Test
    void leftOversAreListedAndCleaned() throws Exception {
        Path left = Files.createDirectory(scratch.resolve(".s.saving"));
        Files.writeString(left.resolve("pack-0"), "half");
        assertThat(run("snapshot", "list", scratch).out()).contains("unfinished");
        Processes.Result r = run("snapshot", "clean", scratch);
        assertThat(r.code()).as(r.err()).isZero();
        assertThat(left).doesNotExist();
    }
}
