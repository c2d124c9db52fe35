// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.hax;

import org.osgi.annotation.versioning.ProviderType;

/** Service: HAXM's interface over this platform's memory, protection, translation and engine. */
@ProviderType
public interface HaxModuleFactory {
    /**
     * A module without VMs. When the service goes, its modules are closed.
     *
     * @param strict keep the reference's oddities that a client could see
     */
    HaxModule create(HaxPlatform platform, boolean strict);
}
