// SPDX-License-Identifier: Apache-2.0
/** The command line as a service, so that any launcher can start it. */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.api.cli;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
