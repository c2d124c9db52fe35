// SPDX-License-Identifier: Apache-2.0
/**
 * What the platforms of Unix systems share: memory by the calls of POSIX ({@link
 * dev.faultline.platform.unix.UnixHostMemory}). Where the systems differ, an {@link
 * dev.faultline.platform.unix.Abi} says so: one for each.
 */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.platform.unix;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
