// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.source;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Where a parent is that a snapshot behind a URI names. */
public final class SiblingLocation {
    private SiblingLocation() {}

    /**
     * The place whose path is {@code path}, relative to what holds {@code location}. Scheme,
     * authority and query stay those of {@code location}: what a snapshot says never leads to
     * another host.
     *
     * @param path as in a manifest, with / and not quoted
     * @return null if that makes no sense there
     */
    public static @Nullable URI of(URI location, String path) {
        if (location.isOpaque() || location.getRawPath() == null || path.startsWith("/")) {
            return null;
        }
        String own = location.getRawPath().replaceAll("/+$", "");
        if (own.isEmpty()) {
            return null; // it is the root: nothing holds it
        }
        try {
            String home = own.substring(0, own.lastIndexOf('/') + 1);
            String quoted = new URI(null, null, "/" + path, null).getRawPath().substring(1);
            String way = new URI(home + quoted).normalize().getRawPath();
            if (way.isEmpty() || way.equals("/") || List.of(way.split("/")).contains("..")) {
                return null;
            }
            String authority = location.getRawAuthority();
            String query = location.getRawQuery();
            return new URI(
                    location.getScheme()
                            + ":"
                            + (authority == null ? "" : "//" + authority)
                            + way
                            + (query == null ? "" : "?" + query));
        } catch (URISyntaxException e) {
            return null;
        }
    }
}
