// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.device;

import org.osgi.annotation.versioning.ProviderType;

/** A wire into the machine's interrupt controllers. Level: the last value stays. Any thread. */
@ProviderType
public interface InterruptLine {
    void set(boolean asserted);
}
