// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * What {@code demo --linux} has fetched and made. Uses nothing of the platform: {@code bench/run}
 * compiles it from source beside a benchmark that only starts the program.
 */
public final class CachedGuests {
    private CachedGuests() {}

    /** The kernel that {@code demo --linux} has cached, or null. */
    public static Path kernel() throws IOException {
        Path at = cache().resolve("linux-image-cloud-amd64");
        if (!Files.isDirectory(at)) {
            return null;
        }
        try (Stream<Path> s = Files.walk(at)) {
            return s.filter(f -> f.getFileName().toString().startsWith("vmlinuz-"))
                    .findFirst()
                    .orElse(null);
        }
    }

    /** The initial file system that {@code demo --linux} has cached; it may not exist. */
    public static Path initrd() {
        return cache().resolve("demo-initrd.cpio");
    }

    /** Where {@code demo --linux} keeps its guest. */
    private static Path cache() {
        String own = System.getenv("FAULTLINE_CACHE");
        String xdg = System.getenv("XDG_CACHE_HOME");
        Path p =
                own != null && !own.isBlank()
                        ? Path.of(own)
                        : (xdg != null && !xdg.isBlank()
                                        ? Path.of(xdg)
                                        : Path.of(System.getProperty("user.home"), ".cache"))
                                .resolve("faultline");
        return p.resolve("guests");
    }
}
