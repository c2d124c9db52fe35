// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * What the fuzz targets share. A target is a public class with {@code fuzzerTestOneInput(byte[])},
 * which throws if a property does not hold: a test runs all of them over their seeds, {@code
 * bench/fuzz.sh} one of them under Jazzer.
 */
public final class Fuzz {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    /** Tables and buffers that an image has whatever its size. */
    private static final long FIXED = 24 << 20;

    private Fuzz() {}

    /** What is measured. */
    public interface Body {
        void run() throws Exception;
    }

    /**
     * Fails if {@code body} allocates more than is due to an input of that length.
     *
     * @param perByte of heap for a byte of input
     */
    public static void bounded(int length, int perByte, Body body) {
        long most = FIXED + (long) perByte * length;
        long taken = allocated(body);
        if (taken > most) {
            taken = allocated(body); // the first time may have loaded classes
        }
        require(taken <= most, "%d bytes allocated for %d of input".formatted(taken, length));
    }

    private static long allocated(Body body) {
        long before = THREADS.getCurrentThreadAllocatedBytes();
        try {
            body.run();
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError("an exception that is not promised: " + e, e);
        }
        return THREADS.getCurrentThreadAllocatedBytes() - before;
    }

    /** A property of the target. */
    public static void require(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    /** A refusal is one line for people. */
    public static void oneLine(Exception refusal) {
        String m = refusal.getMessage();
        require(
                m != null && m.chars().noneMatch(c -> c < ' ' || c == 0x7F) && m.length() < 2000,
                "message: " + m);
    }

    /**
     * Runs a target over real inputs, over what campaigns found, and over seeded mutations of both.
     *
     * @param found a directory of inputs; need not exist
     * @param rounds mutations
     */
    public static void run(Consumer<byte[]> target, List<byte[]> seeds, Path found, int rounds)
            throws IOException {
        List<byte[]> inputs = new ArrayList<>(seeds);
        if (Files.isDirectory(found)) {
            try (Stream<Path> files = Files.list(found)) {
                for (Path p : files.sorted().toList()) {
                    inputs.add(Files.readAllBytes(p));
                }
            }
        }
        inputs.forEach(target);
        Random r = new Random(7);
        for (int i = 0; i < rounds; i++) {
            byte[] from = inputs.get(r.nextInt(inputs.size()));
            byte[] other = inputs.get(r.nextInt(inputs.size()));
            byte[] b = mutated(from, other, r);
            try {
                target.accept(b);
            } catch (RuntimeException | Error e) {
                String hex = HexFormat.of().formatHex(b, 0, Math.min(b.length, 4096));
                throw new AssertionError("mutation " + i + ", " + b.length + " bytes: " + hex, e);
            }
        }
    }

    private static byte[] mutated(byte[] from, byte[] other, Random r) {
        byte[] b = from.clone();
        for (int n = 1 + r.nextInt(4); n > 0 && b.length > 0; n--) {
            int at = r.nextInt(b.length);
            switch (r.nextInt(6)) {
                case 0 -> b[at] = (byte) r.nextInt(256);
                case 1 -> b[at] ^= (byte) (1 << r.nextInt(8));
                case 2 -> b = Arrays.copyOf(b, at);
                case 3 -> {
                    int len = Math.min(1 + r.nextInt(16), Math.min(other.length, b.length - at));
                    System.arraycopy(other, r.nextInt(other.length - len + 1), b, at, len);
                }
                case 4 -> {
                    byte[] longer = Arrays.copyOf(b, b.length + 1 + r.nextInt(8));
                    System.arraycopy(b, at, longer, at + longer.length - b.length, b.length - at);
                    b = longer;
                }
                default -> Arrays.fill(b, at, Math.min(b.length, at + 8), (byte) -r.nextInt(2));
            }
        }
        return b;
    }
}
