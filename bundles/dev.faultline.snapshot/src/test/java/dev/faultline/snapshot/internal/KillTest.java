// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal;

import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.snapshot.internal.format.Layout;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A process that saves is killed at some moment, again and again: there is always a good snapshot,
 * and none that is not. {@code -Dfaultline.kill.rounds=N} for more rounds, {@code
 * bench/kill-campaign.sh N} for many.
 */
class KillTest {
    private static final int ROUNDS = Integer.getInteger("faultline.kill.rounds", 6);
    private static final int MOST_MILLIS = 400;

    @TempDir Path home;
    private final Snapshots snapshots = new Snapshots(Fake.HOST);
    private int left;

    @Test
    void aKilledProcessLeavesTheOldOrTheNewOne() throws Exception {
        // clock: a seed
        long seed = Long.getLong("faultline.kill.seed", System.nanoTime());
        Random random = new Random(seed);
        int newest = 0;
        for (int round = 0; round < ROUNDS; round++) {
            int heard = runAndKill(newest, random.nextInt(MOST_MILLIS));
            List<Path> whole = whole();
            assertThat(whole).as("round %d, seed %d", round, seed).isNotEmpty();
            for (Path dir : whole) {
                assertThat(LiveSaveTest.memory(dir))
                        .as("%s, round %d, seed %d", dir, round, seed)
                        .isDeepEqualTo(SaveLoop.memory(number(dir)));
            }
            newest = number(whole.getLast());
            assertThat(newest).isGreaterThanOrEqualTo(heard);
            removeLeftOvers(whole);
            newest++;
        }
        System.out.printf(
                "killed %d times: always a good snapshot, up to number %d; %d left-overs removed%n",
                ROUNDS, newest - 1, left);
    }

    /**
     * @return number of the last snapshot that the process said it had saved
     */
    private int runAndKill(int first, int millis) throws Exception {
        Process p =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-Xmx256m",
                                "-XX:TieredStopAtLevel=1",
                                "-XX:+UseSerialGC",
                                "--enable-native-access=ALL-UNNAMED",
                                "--sun-misc-unsafe-memory-access=allow",
                                "-cp",
                                System.getProperty("java.class.path"),
                                SaveLoop.class.getName(),
                                home.toString(),
                                Integer.toString(first))
                        .redirectErrorStream(true)
                        .start();
        try (BufferedReader out = p.inputReader()) {
            String line = out.readLine();
            if (line == null || !line.startsWith("saved ")) {
                p.waitFor();
                throw new AssertionError(
                        "the process said: " + line + " " + String.join(" ", out.readAllLines()));
            }
            int last = Integer.parseInt(line.substring(6));
            // clock: any moment will do
            assertThat(p.waitFor(millis, TimeUnit.MILLISECONDS)).as("ended by itself").isFalse();
            p.toHandle().destroyForcibly(); // p.destroyForcibly() would close what it said
            p.waitFor();
            for (line = out.readLine(); line != null; line = out.readLine()) {
                if (line.matches("saved \\d+")) {
                    last = Integer.parseInt(line.substring(6));
                }
            }
            return last;
        } finally {
            p.destroyForcibly();
        }
    }

    private static int number(Path dir) {
        return Integer.parseInt(dir.getFileName().toString().substring(1));
    }

    private List<Path> whole() throws IOException {
        try (Stream<Path> s = Files.list(home)) {
            return s.filter(p -> p.getFileName().toString().startsWith("s"))
                    .filter(p -> Files.exists(p.resolve(Layout.MANIFEST)))
                    .sorted(Comparator.comparingInt(KillTest::number))
                    .toList();
        }
    }

    private void removeLeftOvers(List<Path> whole) throws Exception {
        List<Path> others;
        try (Stream<Path> s = Files.list(home)) {
            others = s.filter(p -> !whole.contains(p)).toList();
        }
        for (Path p : others) {
            if (Files.list(p).findAny().isEmpty()) {
                Files.delete(p); // a deletion but for its last step
            } else {
                snapshots.delete(p);
            }
            left++;
        }
    }
}
