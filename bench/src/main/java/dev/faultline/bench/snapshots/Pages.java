// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.snapshots;

import dev.faultline.api.address.Page;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.vm.Machine;
import io.airlift.compress.v3.lz4.Lz4JavaCompressor;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** A machine's pages, numbered as in its snapshots, read past protection. The machine stands. */
final class Pages {
    private static final int PAGE = Page.SIZE;
    private static final int CHUNK = 16;

    private final List<RamBlock> blocks;

    Pages(Machine machine) {
        blocks = List.copyOf(machine.memory().blocks());
    }

    int count() {
        return (int) (blocks.stream().mapToLong(RamBlock::size).sum() / PAGE);
    }

    private byte[] read(int page) {
        long offset = (long) page * PAGE;
        for (RamBlock b : blocks) {
            if (offset < b.size()) {
                byte[] bytes = new byte[PAGE];
                HostBytes.copyOut(b.hva() + offset, bytes, 0, PAGE);
                return bytes;
            }
            offset -= b.size();
        }
        throw new IllegalArgumentException("page " + page);
    }

    /** Those that differ from another machine's, ascending. */
    int[] different(Pages from) {
        return IntStream.range(0, count())
                .filter(p -> !Arrays.equals(read(p), from.read(p)))
                .toArray();
    }

    /**
     * How small the pages can be made: LZ4 over chunks of 16 in the order given. Pages of eight
     * bytes repeated, zero ones too, cost nothing here.
     */
    long compressed(int[] which) {
        Lz4JavaCompressor lz4 = new Lz4JavaCompressor();
        byte[] in = new byte[CHUNK * PAGE];
        byte[] out = new byte[lz4.maxCompressedLength(in.length)];
        long sum = 0;
        int n = 0;
        for (int i = 0; i < which.length; i++) {
            byte[] b = read(which[i]);
            if (!Arrays.equals(b, 0, PAGE - 8, b, 8, PAGE)) {
                System.arraycopy(b, 0, in, n, PAGE);
                n += PAGE;
            }
            if (n == in.length || i == which.length - 1 && n > 0) {
                sum += Math.min(n, lz4.compress(in, 0, n, out, 0, out.length));
                n = 0;
            }
        }
        return sum;
    }
}
