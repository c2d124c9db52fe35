// SPDX-License-Identifier: Apache-2.0
/**
 * Blocks of decoded instructions, found by guest-physical address, and the loop that runs them: an
 * engine that interprets, and what one that translates begins with and falls back to.
 */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.cpu.x86.block;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
