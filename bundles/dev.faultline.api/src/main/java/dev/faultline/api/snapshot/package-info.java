// SPDX-License-Identifier: Apache-2.0
/** Saving and restoring machines, eagerly or on demand. */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.api.snapshot;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
