// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Recording what a real guest touches, and restoring by it. Counts, not times. */
class WorkingSetIT {
    private static final String ASKED = "get 0\nget 9999\nsum 0 9\nscan 1000 42\nexit 5\n";
    private static final List<String> ANSWERS =
            List.of(
                    "0 96 ok 4db268c1fab25c2d39b8223c7366b1ff",
                    "9999 96 ok 43b13c0243fa0b9dda8e68429dc141ae",
                    "sum 0 9 count=10 bad=0 total=a9de345a5fd86e62",
                    "scan 1000 42 bad=0 hash=d416ee3be6b797ab");

    @TempDir Path scratch;

    private Path saved() throws Exception {
        Path dir = scratch.resolve("snap");
        Processes.Result r =
                Program.run(
                        Program.COMPILED,
                        scratch,
                        "run",
                        Program.keyed(),
                        "--memory",
                        "64M",
                        "--append",
                        "keys=10000",
                        "--snapshot-when",
                        "checksum=",
                        "--snapshot-to",
                        dir,
                        "--stop-when",
                        "bf9bc2\\n");
        assertThat(r.code()).as(r.err()).isZero();
        return dir;
    }

    private Path asked(Path dir, String json, Object... more) throws Exception {
        Path file = scratch.resolve(json);
        Object[] all = new Object[4 + more.length];
        all[0] = "restore";
        all[1] = dir;
        all[2] = "--json";
        all[3] = file;
        System.arraycopy(more, 0, all, 4, more.length);
        Processes.Result r = Program.ask(scratch, ASKED, all);
        assertThat(r.code()).as(r.err() + r.out()).isEqualTo(11);
        assertThat(r.out()).contains(ANSWERS);
        return file;
    }

    @Test
    void whatOneRunTouchedTheNextOneFinds() throws Exception {
        Path dir = saved();
        Path plain = asked(dir, "plain.json", "--mode", "lazy");
        Path first = asked(dir, "first.json", "--mode", "lazy", "--record");
        long touched = Program.number(first, "touchedPages");
        assertThat(touched).isEqualTo(Program.number(first, "recordedPages"));
        assertThat(touched).isGreaterThan(Program.number(plain, "absentFaults"));
        assertThat(Files.size(dir.resolve("trace"))).isEqualTo(28 + 12 * touched);

        Path second = asked(dir, "second.json", "--mode", "recorded", "--record");
        long again = Program.number(second, "touchedPages");
        long foretold = Program.number(second, "foretoldPages");
        assertThat((double) foretold / again).as("recall").isGreaterThan(0.97);
        assertThat((double) foretold / touched).as("precision").isGreaterThan(0.85);

        Processes.Result r = Program.run(scratch, "snapshot", "compact", dir);
        assertThat(r.code()).as(r.err()).isZero();
        Path packed = asked(dir, "packed.json", "--mode", "recorded");
        assertThat(Program.number(packed, "chunksRead"))
                .isLessThan(Program.number(plain, "chunksRead"));
        assertThat(Program.number(packed, "sourceBytes"))
                .isLessThan(Program.number(plain, "sourceBytes"));
        asked(dir, "lazy.json", "--mode", "lazy", "--complete");
        asked(dir, "eager.json", "--mode", "eager");
    }

    @Test
    void whatCannotBeRecordedIsRefused() throws Exception {
        Path nowhere = scratch.resolve("none");
        Processes.Result r =
                Program.run(scratch, "restore", nowhere, "--mode", "eager", "--record");
        assertThat(r.code()).isEqualTo(2);
        assertThat(r.err()).contains("an eager restore sees no first touches");
        r = Program.run(scratch, "restore", nowhere, "--record-for", "0");
        assertThat(r.code()).isEqualTo(2);
        assertThat(r.err()).contains("--record-for 0.0: expected seconds above 0");
        r = Program.run(scratch, "run", Program.keyed(), "--record");
        assertThat(r.code()).isEqualTo(2);
    }
}
