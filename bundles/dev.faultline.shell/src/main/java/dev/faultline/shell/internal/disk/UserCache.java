// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.disk;

import java.nio.file.Path;

/** Where things are kept that can be had again: FAULTLINE_CACHE, or below the user's cache. */
public final class UserCache {
    private UserCache() {}

    /** The folder of one kind of things, which may not be there yet. */
    public static Path folder(String kind) {
        String own = System.getenv("FAULTLINE_CACHE");
        String xdg = System.getenv("XDG_CACHE_HOME");
        Path p =
                own != null && !own.isBlank()
                        ? Path.of(own)
                        : (xdg != null && !xdg.isBlank()
                                        ? Path.of(xdg)
                                        : Path.of(System.getProperty("user.home"), ".cache"))
                                .resolve("faultline");
        return p.resolve(kind);
    }
}
