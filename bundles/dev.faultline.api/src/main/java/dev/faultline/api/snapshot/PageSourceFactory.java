// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.snapshot;

import java.io.IOException;
import java.net.URI;
import java.util.Set;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Service (whiteboard): opens snapshots at places that URIs name. Of several services for a scheme
 * the one of the highest ranking is asked. Local directories ({@code file:}) need none.
 *
 * <p>When the service is unregistered its sources are not called any more, and closed; a machine
 * that still loads from one is paused at its next absent page, and goes on when it is started again
 * after a service for the scheme has come back or another source was attached.
 */
@ConsumerType
public interface PageSourceFactory {
    /** URI schemes that this one opens, in lower case. Asked once, when the service comes. */
    Set<String> schemes();

    /**
     * Opens the snapshot at {@code location}. Need not find out whether one is there: its first use
     * will. Called like the methods of {@link PageSource}, under the same deadline.
     *
     * @param location as the operator gave it, or the place of a parent relative to such a one;
     *     names what corresponds to the snapshot's directory
     * @throws IOException if it makes no sense or cannot be reached; the message is one line for
     *     people
     */
    PageSource open(URI location) throws IOException;
}
