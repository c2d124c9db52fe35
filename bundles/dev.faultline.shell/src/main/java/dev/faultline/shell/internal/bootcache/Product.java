// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.bootcache;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.TreeSet;
import org.osgi.framework.Bundle;

/**
 * Which program this is: its bundles, those of strangers too, by name, version, length and CRC of
 * their files. A version alone would not do, for builds under development keep theirs.
 */
final class Product {
    private static final String BY_REFERENCE = "reference:";
    private static final String FILE = "file:";

    private Product() {}

    static String of(Bundle[] bundles) throws IOException {
        TreeSet<String> all = new TreeSet<>();
        for (Bundle b : bundles) {
            all.add(b.getSymbolicName() + ' ' + b.getVersion() + ' ' + contents(b.getLocation()));
        }
        return String.join("\n", all);
    }

    /** What is not one file of this host is known by its version alone. */
    private static String contents(String location) throws IOException {
        String at =
                location.startsWith(BY_REFERENCE)
                        ? location.substring(BY_REFERENCE.length())
                        : location;
        if (!at.startsWith(FILE)) {
            return "-";
        }
        Path file;
        try {
            file = Path.of(URI.create(at));
        } catch (IllegalArgumentException e) {
            return "-"; // whoever installed it calls it so
        }
        return Files.isRegularFile(file) ? Files.size(file) + " " + Checksum.of(file) : "-";
    }
}
