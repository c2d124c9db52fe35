// SPDX-License-Identifier: Apache-2.0
/** What a stopped access looks like, how it reaches the run loop, and who is asked about it. */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.api.fault;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
