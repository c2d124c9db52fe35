// SPDX-License-Identifier: Apache-2.0
/**
 * The HAXM interface, API version 4, as bytes and numbers: structures, ioctl codes, capability
 * bits, exit statuses, error codes of each host; and the entry through which a client in this
 * process issues those ioctls. No code of HAXM is here: the numbers and offsets are facts of its
 * public interface.
 */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.api.hax;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
