// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.cli;

import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * Where a snapshot is: a directory, or a URI for which a page source is installed.
 *
 * @param given as it was typed
 */
public record Place(String given, URI uri) {
    /** One letter before the colon is a drive of Windows. */
    private static final Pattern URI_LIKE = Pattern.compile("[A-Za-z][A-Za-z0-9+.-]+:/.*");

    /**
     * @throws IllegalArgumentException if it is neither; the message is one line
     */
    public static Place of(String given) {
        if (!URI_LIKE.matcher(given).matches()) {
            return new Place(given, Path.of(given).toUri());
        }
        try {
            return new Place(given, new URI(given));
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException(
                    "'%s' is no URI: %s".formatted(given, e.getMessage()), e);
        }
    }

    /** The last part of its name. */
    public String name() {
        String path = uri.getPath() == null ? given : uri.getPath().replaceAll("/+$", "");
        String last = path.substring(path.lastIndexOf('/') + 1);
        return last.isEmpty() ? given : last;
    }

    @Override
    public String toString() {
        return given;
    }

    /** For the command line. */
    public static final class Converter implements ITypeConverter<Place> {
        @Override
        public Place convert(String value) {
            try {
                return of(value);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }
}
