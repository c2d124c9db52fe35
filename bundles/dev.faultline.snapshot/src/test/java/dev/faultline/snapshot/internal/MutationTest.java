// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;

import com.sun.management.ThreadMXBean;
import dev.faultline.api.snapshot.SaveOptions;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.snapshot.internal.format.Cbor;
import dev.faultline.snapshot.internal.format.Codec;
import dev.faultline.snapshot.internal.format.Digests;
import dev.faultline.snapshot.internal.format.Layout;
import dev.faultline.snapshot.internal.format.Manifest;
import dev.faultline.snapshot.internal.image.Image;
import dev.faultline.snapshot.internal.source.LocalOrigin;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever is done to the files: a typed error or the right bytes, never a wrong one. */
class MutationTest {
    private static final int PAGES = 60;

    /** What reading a snapshot of a quarter of a MiB may take, whatever the files say. */
    private static final long MOST_BYTES = 8 << 20;

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    @TempDir Path scratch;
    private final Snapshots snapshots = new Snapshots(Fake.HOST);
    private Path dir;
    private byte[][] want;

    @BeforeEach
    void save() throws Exception {
        dir = scratch.resolve("s");
        try (Fake f = new Fake(PAGES).fill(11)) {
            // Little noise, so that every byte can be tried.
            for (int p = 0; p < f.pages(); p++) {
                f.poke(p, p % 3 == 0 ? new byte[4096] : Fake.page(p, p % 20 == 1 ? 1 : 3));
            }
            want = f.all();
            snapshots.save(f.machine, dir, SaveOptions.DEFAULT, x -> {});
        }
    }

    /** Reads everything. True if it was refused. */
    private boolean refused() {
        try (Image x = Image.open(dir)) {
            byte[] b = new byte[Layout.GROUP * Layout.PAGE];
            for (int g = 0; g < x.groups(); g++) {
                int n = x.bulk().readGroup(g, b);
                for (int i = 0; i < n; i++) {
                    byte[] is = Arrays.copyOfRange(b, i * 4096, (i + 1) * 4096);
                    assertThat(is).as("page %d", g * 16 + i).isEqualTo(want[g * 16 + i]);
                }
            }
            return false;
        } catch (SnapshotException e) {
            assertThat(e.getMessage()).contains(dir.toString()).doesNotContain("\n");
            return true;
        }
    }

    @Test
    void aChangeOfAnyByteIsNoticed() throws IOException {
        assertThat(refused()).isFalse();
        for (String name : new String[] {"manifest", "index-0", "pack-0"}) {
            Path file = dir.resolve(name);
            byte[] good = Files.readAllBytes(file);
            int step = name.startsWith("pack") ? 3 : 1;
            for (int i = 0; i < good.length; i += step) {
                byte[] bad = good.clone();
                bad[i] ^= (byte) (1 << i % 8);
                Files.write(file, bad);
                if (!refused()) {
                    fail("byte %d of %s", i, name);
                }
            }
            Files.write(file, good);
        }
        assertThat(refused()).isFalse();
    }

    /** The hashes of the content are read by who needs them; a check of the whole does. */
    @Test
    void aChangeOfTheHashesIsNoticedByACheckOfTheWhole() throws Exception {
        Path file = dir.resolve("hashes-0");
        byte[] good = Files.readAllBytes(file);
        for (int i = 0; i < good.length; i += 5) {
            byte[] bad = good.clone();
            bad[i] ^= (byte) (1 << i % 8);
            Files.write(file, bad);
            assertThat(refused()).isFalse();
            assertThatThrownBy(() -> snapshots.verify(dir, x -> {}))
                    .as("byte %d", i)
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageContaining("hashes-0");
        }
        for (byte[] bad :
                new byte[][] {
                    Arrays.copyOf(good, good.length - 1), Arrays.copyOf(good, good.length + 1)
                }) {
            Files.write(file, bad);
            assertThatThrownBy(() -> snapshots.verify(dir, x -> {}))
                    .hasMessageContaining("hashes-0");
        }
        Files.write(file, good);
        snapshots.verify(dir, x -> {});
    }

    @Test
    void everyTruncationAndTrailerIsNoticed() throws IOException {
        for (String name : new String[] {"manifest", "index-0", "pack-0"}) {
            Path file = dir.resolve(name);
            byte[] good = Files.readAllBytes(file);
            for (int n = 0; n < good.length; n += 1 + good.length / 300) {
                Files.write(file, Arrays.copyOf(good, n));
                assertThat(refused()).as("%s cut to %d", name, n).isTrue();
            }
            Files.write(file, Arrays.copyOf(good, good.length + 1));
            assertThat(refused()).as("%s with a trailer", name).isTrue();
            Files.delete(file);
            assertThat(refused()).as("%s missing", name).isTrue();
            Files.write(file, good);
        }
    }

    /**
     * One file of a snapshot of one kind after the other is changed; it is read, and every fourth
     * time restored page by page into a machine. {@code -Dfaultline.mutations=10000} for the whole
     * campaign.
     */
    @Test
    void seededMutationsNeverGiveAWrongByte() throws Exception {
        int n = Integer.getInteger("faultline.mutations", 500);
        List<MutationScene> scenes = MutationScene.all(scratch, snapshots);
        long most = 0;
        int refusals = 0;
        int restored = 0;
        for (int seed = 0; seed < n; seed++) {
            Random r = new Random(seed);
            MutationScene scene = scenes.get(seed % scenes.size());
            Path file = scene.files().get(r.nextInt(scene.files().size()));
            byte[] good = Files.readAllBytes(file);
            byte[] bad = mutate(good, r);
            boolean same = Arrays.equals(good, bad);
            String what = "seed %d, %s, %s".formatted(seed, scene.name(), file.getFileName());
            Files.write(file, bad);
            long before = THREADS.getCurrentThreadAllocatedBytes();
            boolean refused = scene.refused(what);
            long bytes = THREADS.getCurrentThreadAllocatedBytes() - before;
            assertThat(bytes).as("allocated: %s", what).isLessThan(MOST_BYTES);
            most = Math.max(most, bytes);
            if (same ? refused : !refused && scene.everyByteCounts(file)) {
                fail(what + (refused ? ": refused as it is" : ": not noticed"));
            }
            refusals += refused ? 1 : 0;
            if (seed / scenes.size() % 4 == 0) {
                scene.restored(snapshots, what);
                restored++;
            }
            Files.write(file, good);
        }
        for (MutationScene scene : scenes) {
            assertThat(scene.refused("as it was")).isFalse();
        }
        // bench/snapshots reads the first two lines.
        System.out.println("campaign mutations " + n);
        System.out.println("campaign allocated " + most);
        System.out.println("campaign refused " + refusals + ", restored " + restored);
    }

    private static byte[] mutate(byte[] good, Random r) {
        byte[] b = good.clone();
        int from = r.nextInt(b.length);
        int n = 1 + r.nextInt(Math.min(64, b.length - from));
        switch (r.nextInt(5)) {
            case 0 -> b[from] = (byte) r.nextInt(256);
            case 1 -> Arrays.fill(b, from, from + n, (byte) (r.nextBoolean() ? 0 : 0xFF));
            case 2 -> System.arraycopy(good, from, b, r.nextInt(b.length - n + 1), n); // spliced
            case 3 -> b = Arrays.copyOf(b, r.nextInt(2 * b.length));
            default -> {
                for (int i = 0; i < n; i++) {
                    b[r.nextInt(b.length)] ^= (byte) (1 << r.nextInt(8));
                }
            }
        }
        return b;
    }

    /** A body with a good checksum that says odd things is refused too, and quickly. */
    @Test
    void forgedManifestsAreRefused() throws Exception {
        Manifest m = LocalOrigin.manifest(dir);
        Manifest.Region huge = new Manifest.Region("ram", 1L << 41);
        Manifest[] forged = {
            with(m, List.of(huge), m.index(), m.packs(), m.required()),
            with(
                    m,
                    m.regions(),
                    new Manifest.Index("../x", 1, 2, new byte[32], new byte[0]),
                    m.packs(),
                    m.required()),
            with(m, m.regions(), m.index(), List.of(), m.required()),
            with(m, m.regions(), m.index(), m.packs(), List.of("time-travel")),
        };
        for (Manifest f : forged) {
            Files.write(dir.resolve("manifest"), f.encode());
            assertThat(refused()).isTrue();
        }
    }

    private static Manifest with(
            Manifest m,
            List<Manifest.Region> regions,
            Manifest.Index index,
            List<Manifest.Pack> packs,
            List<String> required) {
        return new Manifest(
                m.created(),
                m.config(),
                required,
                m.parent(),
                regions,
                m.counts(),
                index,
                packs,
                m.formerly(),
                m.state(),
                m.hashes());
    }

    /** What a later program adds is ignored, but the id is that of the whole body. */
    @Test
    void aManifestWithFurtherKeysKeepsItsId() throws Exception {
        byte[] good = Files.readAllBytes(dir.resolve("manifest"));
        Map<String, Object> body = new TreeMap<>();
        ((Map<?, ?>) Cbor.decode(good, Layout.HEAD, good.length - Layout.HEAD - 36))
                .forEach((k, v) -> body.put((String) k, v));
        body.put("mood", "cheerful");
        byte[] more = Cbor.encode(body);
        ByteBuffer b =
                ByteBuffer.allocate(Layout.HEAD + more.length + 36).order(ByteOrder.LITTLE_ENDIAN);
        b.put(good, 0, 12).putInt(more.length).put(more);
        b.putInt(Digests.crc32c(b.array(), 0, b.position()));
        byte[] id = Digests.sha256().digest(more);
        Files.write(dir.resolve("manifest"), b.put(id).array());
        assertThat(refused()).isFalse();
        assertThat(LocalOrigin.manifest(dir).id()).isEqualTo(id);
        assertThat(LocalOrigin.manifest(dir).answersTo(id)).isTrue();
    }

    /** The largest RAM that there can be, all zero: shown and opened in little heap. */
    @Test
    void fourTebibytesCanBeShown() throws Exception {
        Manifest m = LocalOrigin.manifest(dir);
        int pages = 1 << 30;
        int tables = pages / (Layout.SECTION * Layout.TABLE);
        Codec.Packer packer = new Codec.Packer(Codec.LZ4);
        byte[] plain = new byte[Layout.TABLE * Layout.TABLE_ENTRY];
        int n = packer.pack(plain, plain.length);
        byte[] table = java.util.Arrays.copyOf(packer.out(), n);
        ByteBuffer index = ByteBuffer.allocate(Layout.HEAD + tables * n);
        ByteBuffer digests = ByteBuffer.allocate(tables * Layout.DIGEST);
        ByteBuffer lengths =
                ByteBuffer.allocate(2 * tables).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        index.put(Files.readAllBytes(dir.resolve("index-0")), 0, Layout.HEAD);
        for (int t = 0; t < tables; t++) {
            index.put(table);
            digests.put(Digests.sha256().digest(table));
            lengths.putShort((short) n);
        }
        Files.write(dir.resolve("index-0"), index.array());
        Manifest large =
                new Manifest(
                        m.created(),
                        m.config(),
                        List.of("lz4", "packed-tables"),
                        null,
                        List.of(new Manifest.Region("ram", (long) pages * Layout.PAGE)),
                        new Manifest.Counts(pages, 0, 0, 0),
                        new Manifest.Index(
                                "index-0",
                                index.capacity(),
                                Layout.HEAD,
                                digests.array(),
                                lengths.array()),
                        m.packs(),
                        List.of(),
                        m.state(),
                        null);
        Files.write(dir.resolve("manifest"), large.encode());
        Snapshots s = new Snapshots();
        var bean =
                (com.sun.management.ThreadMXBean)
                        java.lang.management.ManagementFactory.getThreadMXBean();
        long before = bean.getCurrentThreadAllocatedBytes();
        assertThat(s.info(dir).pages()).isEqualTo(pages);
        var map = s.pageMap(dir);
        assertThat(s.workingSet(dir)).isEmpty();
        // All of it, garbage included, would fit into 512 MiB.
        assertThat(bean.getCurrentThreadAllocatedBytes() - before).isLessThan(400L << 20);
        assertThat(map.pages()).isEqualTo(pages);
        assertThat(map.count(dev.faultline.api.snapshot.PageMap.ZERO, 0, pages)).isEqualTo(pages);
    }

    @Test
    void foreignNewerAndOlderAreToldApart() throws Exception {
        Path file = dir.resolve("manifest");
        byte[] good = Files.readAllBytes(file);
        expect(Kind.NEWER, "version 3", version(good, 3));
        expect(Kind.OLDER, "older format version 1", version(good, 1));
        expect(Kind.FOREIGN, "not a Faultline snapshot", "{\"somebody\": \"else's\"}".getBytes());
        expect(Kind.TRUNCATED, "", Arrays.copyOf(good, 30));
        Files.delete(file);
        assertThatThrownBy(() -> Image.open(dir)).hasMessageContaining("no file manifest");
    }

    private static byte[] version(byte[] good, int v) {
        byte[] b = good.clone();
        b[8] = (byte) v;
        return b;
    }

    private void expect(Kind kind, String words, byte[] manifest) throws IOException {
        Files.write(dir.resolve("manifest"), manifest);
        assertThatThrownBy(() -> snapshots.info(dir))
                .hasMessageContaining(words)
                .isInstanceOfSatisfying(
                        SnapshotException.class, e -> assertThat(e.kind()).isEqualTo(kind));
    }
}
