// SPDX-License-Identifier: Apache-2.0
/**
 * What the host must offer: sparse memory, shared or not, memory for code, and one vocabulary of
 * failure.
 */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.api.platform;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
