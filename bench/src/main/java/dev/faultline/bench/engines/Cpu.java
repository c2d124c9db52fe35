// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench.engines;

import dev.faultline.bench.BenchException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Seconds of processor time, as the kernel counts them: in hundredths.
 *
 * @param process of all its threads, ended ones too
 * @param vcpu of the thread that runs the guest's processor; 0 while there is none
 */
record Cpu(double process, double vcpu) {
    private static final double TICKS = 100; // a second; USER_HZ of Linux on x86-64

    /** Of {@code /proc/PID/stat}, counted behind the name, which may have blanks in it. */
    private static final int USER = 11;

    private static final int SYSTEM = 12;
    private static final int CHILDREN_USER = 13;
    private static final int CHILDREN_SYSTEM = 14;

    static Cpu of(long pid, String thread) throws BenchException {
        Path at = Path.of("/proc", Long.toString(pid));
        double vcpu = 0;
        try (DirectoryStream<Path> tasks = Files.newDirectoryStream(at.resolve("task"))) {
            for (Path t : tasks) {
                try {
                    if (Files.readString(t.resolve("comm")).contains(thread)) {
                        vcpu += seconds(t.resolve("stat"), USER, SYSTEM);
                    }
                } catch (NoSuchFileException e) {
                    // a thread that has just ended
                }
            }
            return new Cpu(seconds(at.resolve("stat"), USER, SYSTEM), vcpu);
        } catch (IOException e) {
            throw new BenchException("process " + pid + " ended before it was asked: " + e);
        }
    }

    /** Of all children of this process that have ended. */
    static double ofChildren() throws IOException {
        return seconds(Path.of("/proc/self/stat"), CHILDREN_USER, CHILDREN_SYSTEM);
    }

    private static double seconds(Path stat, int a, int b) throws IOException {
        String s = Files.readString(stat);
        String[] fields = s.substring(s.lastIndexOf(')') + 2).split(" ");
        return (Long.parseLong(fields[a]) + Long.parseLong(fields[b])) / TICKS;
    }

    Cpu since(Cpu earlier) {
        return new Cpu(process - earlier.process, vcpu - earlier.vcpu);
    }
}
