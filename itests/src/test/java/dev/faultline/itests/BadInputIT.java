// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Bad input gives one clear line, exit code 4 or 2, and no stack trace. */
class BadInputIT {
    @TempDir static Path shared;
    private static Path snapshot;
    @TempDir Path scratch;

    @BeforeAll
    static void saveASnapshot() throws Exception {
        snapshot = shared.resolve("snap");
        Processes.Result r =
                Program.run(
                        shared,
                        "run",
                        Program.keyed(),
                        "--memory",
                        "16M",
                        "--append",
                        "keys=100",
                        "--snapshot-when",
                        "READY",
                        "--snapshot-to",
                        snapshot,
                        "--input-when",
                        "READY=exit 0\\n");
        assertThat(r.code()).as(r.err()).isEqualTo(1);
    }

    @Test
    void aMissingFile() throws Exception {
        refused(4, "no-such-image", "run", scratch.resolve("no-such-image"));
    }

    @Test
    void aDirectory() throws Exception {
        refused(4, "directory", "run", scratch);
    }

    @Test
    void aTextFile() throws Exception {
        Path f = Files.writeString(scratch.resolve("notes.txt"), "milk, bread, a kernel\n");
        refused(4, "notes.txt", "run", f);
    }

    @Test
    void anEmptyFile() throws Exception {
        refused(4, "empty", "run", Files.createFile(scratch.resolve("empty")));
    }

    @Test
    void aTruncatedBzImage() throws Exception {
        byte[] b = new byte[0x2000];
        b[0x1F1] = 30;
        b[0x1FE] = 0x55;
        b[0x1FF] = (byte) 0xAA;
        System.arraycopy("HdrS".getBytes(), 0, b, 0x202, 4);
        b[0x206] = 0x0F;
        b[0x207] = 2;
        b[0x211] = 1; // LOADED_HIGH
        b[0x236] = 1; // XLF_KERNEL_64
        refused(4, "truncated", "run", Files.write(scratch.resolve("bz"), b));
    }

    @Test
    void aModuleLargerThanMemory() throws Exception {
        Path big = scratch.resolve("big");
        try (RandomAccessFile f = new RandomAccessFile(big.toFile(), "rw")) {
            f.setLength(64 << 20);
        }
        refused(4, "big", "run", Program.keyed(), "--memory", "16M", "--initrd", big);
    }

    @Test
    void oddAndAbsurdMemorySizes() throws Exception {
        refused(4, "", "run", Program.keyed(), "--memory", "3M");
        refused(4, "", "run", Program.keyed(), "--memory", "99T");
        refused(2, "--memory", "run", Program.keyed(), "--memory", "lots");
    }

    @Test
    void anUnknownEngineAndStyle() throws Exception {
        refused(4, "warp", "run", Program.keyed(), "--engine", "warp");
        refused(4, "smoke", "run", Program.keyed(), "--fault-style", "smoke");
    }

    @Test
    void wrongUsage() throws Exception {
        refused(2, "IMAGE", "run");
        refused(2, "--protect", "run", Program.keyed(), "--protect", "some");
        refused(2, "--snapshot-to", "run", Program.keyed(), "--snapshot-when", "x");
        refused(2, "mode", "restore", snapshot, "--mode", "sideways");
    }

    @Test
    void aMissingSnapshot() throws Exception {
        refused(4, "does not exist", "restore", scratch.resolve("nothing"));
    }

    @Test
    void aTruncatedSnapshot() throws Exception {
        Path s = copy("truncated");
        Path data = s.resolve("pack-0");
        try (RandomAccessFile f = new RandomAccessFile(data.toFile(), "rw")) {
            f.setLength(f.length() - 100);
        }
        refused(4, "pack-0", "restore", s);
    }

    @Test
    void aFlippedBitInEveryPart() throws Exception {
        for (String part : new String[] {"manifest", "index-0"}) {
            Path s = copy("flipped-" + part);
            flip(s.resolve(part), 40);
            refused(4, "corrupt", "restore", s, "--mode", "eager");
        }
        Path s = copy("flipped-data");
        flip(s.resolve("pack-0"), 5000);
        refused(4, "checksum", "restore", s, "--mode", "eager");
    }

    @Test
    void aForeignSnapshot() throws Exception {
        Path s = Files.createDirectory(scratch.resolve("foreign"));
        Files.writeString(s.resolve("manifest"), "{\"this\": \"is somebody else's\"}");
        refused(4, "not a Faultline snapshot", "restore", s);
    }

    @Test
    void aSnapshotOfAnOlderProgram() throws Exception {
        Path s = copy("older");
        try (RandomAccessFile f = new RandomAccessFile(s.resolve("manifest").toFile(), "rw")) {
            f.seek(8);
            f.write(1);
        }
        refused(4, "older format version 1", "restore", s);
    }

    private Path copy(String name) throws IOException {
        Path to = Files.createDirectory(scratch.resolve(name));
        for (String f : new String[] {"manifest", "index-0", "pack-0"}) {
            Files.copy(snapshot.resolve(f), to.resolve(f));
        }
        return to;
    }

    private static void flip(Path file, long at) throws IOException {
        try (RandomAccessFile f = new RandomAccessFile(file.toFile(), "rw")) {
            f.seek(at);
            int b = f.read();
            f.seek(at);
            f.write(b ^ 4);
        }
    }

    private void refused(int code, String word, Object... arguments) throws Exception {
        Processes.Result r = Program.run(scratch, arguments);
        assertThat(r.code()).as(r.err()).isEqualTo(code);
        assertThat(r.err()).contains(word).doesNotContain("\tat ").doesNotContain("Exception");
        long lines = r.err().lines().filter(l -> l.startsWith("faultline: ")).count();
        assertThat(lines).as(r.err()).isEqualTo(1);
    }
}
