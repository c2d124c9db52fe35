// SPDX-License-Identifier: Apache-2.0
/**
 * Rights per guest-physical page, in layers that compose.
 *
 * <p>Protection is the absence of a cached translation; nothing here runs on an access that hits.
 */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.api.protection;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
