// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.faultline.api.protection.Rights;
import dev.faultline.api.snapshot.RestoreMode;
import dev.faultline.api.snapshot.RestoreOptions;
import dev.faultline.api.snapshot.Restored;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SaveOptions.Compression;
import dev.faultline.snapshot.internal.format.Digests;
import dev.faultline.snapshot.internal.image.Image;
import dev.faultline.testkit.HangGuard;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A reader in another language, written after the documentation, sees what we wrote. */
class IndependentReaderTest {
    private static final String[] KINDS = {"ZERO", "PARENT", "FILL", "CHUNK"};

    @TempDir Path scratch;
    private final Snapshots snapshots = new Snapshots();
    private Path script;
    private int code;

    @BeforeEach
    void python() throws Exception {
        try (InputStream in =
                IndependentReaderTest.class.getResourceAsStream("/read_snapshot.py")) {
            script = Files.write(scratch.resolve("read_snapshot.py"), in.readAllBytes());
        }
        boolean there;
        try {
            there = new ProcessBuilder("python3", "--version").start().waitFor() == 0;
        } catch (IOException e) {
            there = false;
        }
        assumeTrue(there, "python3 is not on the PATH");
    }

    private List<String> read(Path dir, String... more) throws Exception {
        Path out = scratch.resolve("out");
        List<String> command =
                new ArrayList<>(List.of("python3", script.toString(), dir.toString()));
        command.addAll(List.of(more));
        Process p =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(out.toFile())
                        .start();
        code = HangGuard.join(p);
        return Files.readAllLines(out);
    }

    private void agrees(Path dir, Fake f) throws Exception {
        List<String> lines = read(dir);
        assertThat(code).as("%s", lines).isZero();
        try (Image x = Image.open(dir)) {
            for (int p = 0; p < f.pages(); p++) {
                String sha = HexFormat.of().formatHex(Digests.sha256().digest(f.peek(p)));
                assertThat(lines.get(p)).isEqualTo(p + " " + KINDS[x.kind(p)] + " " + sha);
            }
            assertThat(lines.get(f.pages()))
                    .isEqualTo("id " + HexFormat.of().formatHex(x.manifest().id()));
            assertThat(lines.get(f.pages() + 1))
                    .isEqualTo("root " + HexFormat.of().formatHex(x.manifest().hashes().root()));
            assertThat(lines).hasSize(f.pages() + 2);
        }
    }

    @Test
    void ofPlainIncrementalAndCompactedSnapshots() throws Exception {
        try (Fake f = new Fake(700).fill(21);
                Fake g = new Fake(700);
                Fake h = new Fake(700).fill(21)) {
            Path base = scratch.resolve("base");
            Path raw = scratch.resolve("raw");
            Path child = scratch.resolve("child");
            snapshots.save(f.machine, base, x -> {});
            agrees(base, f);
            snapshots.save(f.machine, raw, new SaveOptions(Compression.NONE, false), x -> {});
            agrees(raw, f);
            try (Restored r = snapshots.restore(base, g.machine, RestoreMode.LAZY)) {
                for (int p = 0; p < 300; p += 7) {
                    g.write(p, Fake.page(p, p % 4));
                    f.poke(p, Fake.page(p, p % 4));
                }
                snapshots.save(g.machine, child, new SaveOptions(Compression.LZ4, true), x -> {});
            }
            agrees(child, f);
            snapshots.compact(base, x -> {}); // which the child then knows by its former id
            agrees(child, f);
            snapshots.compact(child, x -> {});
            agrees(child, f);
            agrees(base, h);
        }
    }

    @Test
    void ofTracesOfSeveralRecordings() throws Exception {
        try (Fake f = new Fake(200).fill(23)) {
            Path dir = scratch.resolve("s");
            snapshots.save(f.machine, dir, x -> {});
            int[][] runs = {{7, 190, 3}, {190, 7, 50}, {7, 190}, {7, 190}};
            for (int[] run : runs) {
                RestoreOptions o = RestoreOptions.of(RestoreMode.LAZY);
                try (Fake g = new Fake(200);
                        Restored r =
                                snapshots.restore(
                                        dir,
                                        g.machine,
                                        o.recording(RestoreOptions.Window.DEFAULT))) {
                    for (int p : run) {
                        g.touch(p, p == 190 ? Rights.X : Rights.W);
                    }
                    r.saveRecording();
                }
            }
            // 3 was seen in the first of four, 50 in the second: less than a third.
            assertThat(read(dir, "--trace")).containsExactly("7 W 15", "190 X 15");
            snapshots.compact(dir, x -> {});
            agrees(dir, f); // its first chunk is of pages 7 and 190
            Files.write(dir.resolve("trace"), new byte[100]);
            assertThat(read(dir, "--trace")).isEmpty();
        }
    }

    @Test
    void andRefusesAChangedOne() throws Exception {
        try (Fake f = new Fake(64).fill(22)) {
            Path dir = scratch.resolve("s");
            snapshots.save(f.machine, dir, x -> {});
            Path pack = dir.resolve("pack-0");
            byte[] b = Files.readAllBytes(pack);
            b[b.length / 2] ^= 1;
            Files.write(pack, b);
            assertThat(read(dir)).last().asString().contains("corrupt");
            assertThat(code).isEqualTo(1);
        }
    }
}
