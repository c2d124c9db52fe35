// SPDX-License-Identifier: Apache-2.0
/** What a stopped access looks like, how it reaches the run loop, and who is asked about it. */
@Export
@Version("1.0.0")
package dev.faultline.api.fault;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
