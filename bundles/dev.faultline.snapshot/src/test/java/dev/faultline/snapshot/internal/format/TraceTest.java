// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.format;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.protection.Rights;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Merging and the file, without a machine. */
public class TraceTest {
    private static int[] reads(int... pages) {
        return pages; // kind 0 in the topmost bits is a read
    }

    private static Trace after(int[]... recordings) {
        Trace t = Trace.NONE;
        for (int[] r : recordings) {
            t = t.merged(r);
        }
        return t;
    }

    @Test
    void oneRecordingIsItsOrder() {
        Trace t = after(reads(9, 2, 700));
        assertThat(t.likely(1000)).containsExactly(9, 2, 700);
        assertThat(t.recordings()).isEqualTo(1);
        assertThat(t.likely(700)).as("pages that there are").containsExactly(9, 2);
    }

    @Test
    void theOrderIsThatOfTheMeans() {
        // Means of places: 5: 0, 6: (1+2)/2, 7: (2+1)/2, then 6 again at 1.
        Trace t = after(reads(5, 6, 7), reads(5, 7, 6), reads(5, 6, 7));
        assertThat(t.likely(100)).containsExactly(5, 6, 7);
        assertThat(t.entry(1).position()).isEqualTo(16 * 4 / 3);
        assertThat(after(reads(1, 2), reads(2, 1), reads(2, 1)).likely(9)).containsExactly(2, 1);
    }

    @Test
    void theLatestAccessCounts() {
        Trace t = after(new int[] {3, 4 | 1 << 30, 5 | 2 << 30}, new int[] {3 | 1 << 30});
        assertThat(IntStream.range(0, 3).map(i -> t.entry(i).access()))
                .containsExactly(Rights.W, Rights.W, Rights.X);
    }

    @Test
    void whatIsSeenInLessThanAThirdIsNotFetchedAndFallsOutIfItDoesNotComeBack() {
        int[] usual = reads(1, 2, 3);
        int[] odd = reads(1, 99, 2, 3);
        assertThat(after(odd, usual).likely(100)).contains(99);
        assertThat(after(odd, usual, usual).likely(100)).contains(99);
        assertThat(after(odd, usual, usual, usual).likely(100)).containsExactly(1, 2, 3);
        assertThat(after(odd, usual, usual).size()).isEqualTo(4);
        assertThat(after(odd, usual, usual, usual).size()).isEqualTo(3);
        Trace twice = after(odd, odd, usual, usual, usual, usual, usual);
        assertThat(twice.size()).as("seen twice: kept while it counts").isEqualTo(4);
        assertThat(twice.likely(100)).containsExactly(1, 2, 3);
        for (int i = 0; i < 4; i++) {
            twice = twice.merged(usual);
        }
        assertThat(twice.size()).isEqualTo(3);
        assertThat(twice.recordings()).isEqualTo(Trace.RECORDINGS);
    }

    @Test
    void whatTheLastTwoTouchedIsFetchedThoughOldOnesDidNot() {
        Trace t = Trace.NONE;
        for (int i = 0; i < 8; i++) {
            t = t.merged(reads(1, 2));
        }
        t = t.merged(reads(1, 50));
        assertThat(t.likely(100)).containsExactly(1, 2);
        t = t.merged(reads(1, 50));
        assertThat(t.likely(100)).contains(50);
    }

    @Test
    void aFileIsReadAsItWasWritten() {
        Trace t = after(reads(9, 2, 700), new int[] {700 | 2 << 30, 5});
        Trace back = Trace.parse(t.encode());
        assertThat(back.encode()).isEqualTo(t.encode());
        assertThat(back.likely(1000)).isEqualTo(t.likely(1000));
        assertThat(back.size()).isEqualTo(4);
    }

    @Test
    void everyFlippedBitAndEveryCutMakesItNone() {
        byte[] good = after(reads(9, 2, 700)).encode();
        for (int bit = 0; bit < 8 * good.length; bit++) {
            byte[] b = good.clone();
            b[bit / 8] ^= (byte) (1 << bit % 8);
            assertThat(Trace.parse(b).size()).as("bit %d", bit).isZero();
        }
        for (int n = 0; n < good.length; n++) {
            assertThat(Trace.parse(Arrays.copyOf(good, n)).size()).as("%d bytes", n).isZero();
        }
        assertThat(Trace.parse(Arrays.copyOf(good, good.length + 12)).size()).isZero();
    }

    @Test
    void randomBytesAreNone() {
        Random r = new Random(7);
        for (int i = 0; i < 2000; i++) {
            byte[] b = new byte[r.nextInt(200)];
            r.nextBytes(b);
            assertThat(Trace.parse(b).size()).isZero();
            if (b.length >= 28) {
                signed(b);
                assertThat(Trace.parse(b).size()).as("with a good checksum").isZero();
            }
        }
    }

    @Test
    void entriesThatMakeNoSenseAreRefusedThoughTheChecksumIsGood() {
        byte[] good = after(reads(9, 2, 700)).encode();
        int second = 24 + 12;
        assertRefused(good, second, 1 << 30); // page
        assertRefused(good, second, -1);
        assertRefused(good, second + 4, -1); // position below the one before
        assertRefused(good, second + 8, 0); // seen never
        assertRefused(good, second + 8, 0x0001_0100); // seen in the ninth
        assertRefused(good, second + 8, 0x0003_0001); // access RW
        assertRefused(good, second + 8, 0x0101_0001); // not zero
        assertRefused(good, 16, 0); // recordings
        assertRefused(good, 16, 9);
        assertRefused(good, 20, 1);
        assertRefused(good, 8, 3); // version
        assertRefused(good, 12, 4); // more than there are
    }

    private static void assertRefused(byte[] good, int at, int value) {
        byte[] b = good.clone();
        ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN).putInt(at, value);
        signed(b);
        assertThat(Trace.parse(b).size()).as("0x%x at %d", value, at).isZero();
    }

    public static void signed(byte[] b) {
        ByteBuffer.wrap(b)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(b.length - 4, Digests.crc32c(b, 0, b.length - 4));
    }

    @Test
    void repeatedPagesCountOnce() {
        byte[] b = after(reads(9, 2, 700)).encode();
        ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN).putInt(24 + 24, 9);
        signed(b);
        assertThat(Trace.parse(b).likely(1000)).containsExactly(9, 2);
    }
}
